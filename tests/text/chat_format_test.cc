#include "text/chat_format.h"

#include <openssl/sha.h>

#include "chat_cases.h"
#include "text/control_tokens.h"
#include "tokenizer_cases.h"

namespace hadal {
namespace {

ChatOptions options_of(const Json& given) {
  ChatOptions options;
  options.thinking_mode = text_of(given, "thinking_mode");
  if (const Json* const drop = given.find("drop_thinking")) options.drop_thinking = *drop->boolean();
  if (const Json* const bos = given.find("add_default_bos_token")) options.add_bos = *bos->boolean();
  if (const Json* const effort = given.find("reasoning_effort")) options.reasoning_effort = *effort;
  if (const Json* const context = given.find("context")) options.context = *context->array();
  return options;
}

RenderedPrompt render(const ChatLiterals& literals, const Json& test_case) {
  return render_chat(literals, *test_case.find("messages")->array(), options_of(*test_case.find("options")));
}

// Each range is one control token, and the tokenizer takes it for one.
void check_ranges(const RenderedPrompt& prompt, const Tokenizer& tokenizer) {
  int64_t at = 0;
  for (const TextRange& range : prompt.special_ranges) {
    ASSERT_GE(range.begin, at);
    const auto size = static_cast<size_t>(range.end - range.begin);
    ASSERT_TRUE(tokenizer.find_added(prompt.text.substr(static_cast<size_t>(range.begin), size)))
        << range.begin;
    at = range.end;
  }
  const std::vector<int32_t> ids = tokenizer.encode_segments(prompt.text, prompt.special_ranges);
  EXPECT_EQ(std::ranges::count_if(ids, [&](int32_t id) { return tokenizer.is_added(id); }),
            std::ssize(prompt.special_ranges));
  EXPECT_EQ(tokenizer.decode(ids), prompt.text);
}

// What is expected of a case: its prompt, or that it is refused.
void check_case(const ChatLiterals& literals, const Json& test_case, const Tokenizer& tokenizer) {
  if (test_case.find("error") != nullptr) {
    EXPECT_THROW(render(literals, test_case), Error) << dump_json(test_case).substr(0, 500);
    return;
  }
  const RenderedPrompt prompt = render(literals, test_case);
  EXPECT_EQ(prompt.text, text_of(test_case, "expected"));
  check_ranges(prompt, tokenizer);
  const Json* const images = test_case.find("expected_images");
  EXPECT_EQ(dump_json(prompt.images), images == nullptr ? "[]" : dump_json(*images));
}

void check_folder(const std::string& set, size_t count, const Tokenizer& tokenizer = real_tokenizer()) {
  const ChatLiterals literals = load_chat_literals(shared_path(set + "/placeholder_encoding.py"));
  const std::vector<std::string> files = json_files(shared_path(set + "/encode"));
  EXPECT_EQ(files.size(), count);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    check_case(literals, read_json(file), tokenizer);
  }
}

TEST(ChatFormat, SharedCasesOfThePreview) {
  HADAL_NEED_SHARED("golden/chat/encode");
  check_folder("golden/chat", 134);
}

TEST(ChatFormat, SharedCasesOf0731) {
  HADAL_NEED_SHARED("golden/chat/v4-0731/encode");
  check_folder("golden/chat/v4-0731", 46);
}

TEST(ChatFormat, SharedCasesOfV41) {
  HADAL_NEED_SHARED("golden/chat/v41/encode");
  check_folder("golden/chat/v41", 106, real_v41_tokenizer());
}

TEST(ChatFormat, SharedCasesOfV32) {
  HADAL_NEED_SHARED("golden/chat/v32/encode");
  check_folder("golden/chat/v32", 63);
}

// A Python string that says `text`, for a str.format template.
std::string python_template(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '{' || c == '}') quoted += c;
    if (c == '\n') {
      quoted += "\\n\"\n  \"";
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// An encoding file with the literals that DeepSeek's own outputs show. The effort is in none of them.
std::string official_source() {
  const std::string output = read_file(shared_path("golden/chat/official/test_output_1.txt"), 1 << 20);
  const size_t head = output.find("## Tools");
  const size_t lines = output.find("{\"name\"", head);
  const size_t tail = output.find("\n\n", lines);
  std::string tools = python_template(output.substr(head, lines - head));
  tools = replaced(tools, kDsmlToken, "{dsml_token}");
  tools = replaced(tools, kThinkToken, "{thinking_start_token}");
  tools = replaced(tools, kEndThinkToken, "{thinking_end_token}");
  return "TOOLS_TEMPLATE: str = (" + tools + "\n \"{tool_schemas}\" " +
         python_template(output.substr(tail, output.find(kUserToken, tail) - tail)) +
         ")\nREASONING_EFFORT_MAX = 'MAX'\nresponse_format_template = '{schema}'\n";
}

std::string sha256_of(std::string_view text) {
  std::string hex;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest);
  for (const uint8_t byte : digest) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

TEST(ChatFormat, DeepSeeksOwnPairs) {
  HADAL_NEED_SHARED("golden/chat/official/index.json");
  const ChatLiterals literals = parse_chat_literals(official_source(), "official").value_or(ChatLiterals());
  const std::string folder = shared_path("golden/chat/official/");
  const Json index = read_json(folder + "index.json");
  for (const JsonMember& pair : index.object()->members()) {
    SCOPED_TRACE(pair.key);
    const Json input = read_json(folder + pair.key);
    ChatOptions options;
    options.thinking_mode = text_of(pair.value, "thinking_mode");
    JsonArray messages;
    if (const Json* const tools = input.find("tools")) {
      messages = *input.find("messages")->array();
      JsonObject first = *messages.at(0).object();
      first.set("tools", *tools);
      messages[0] = Json(std::move(first));
    } else {
      messages = *input.array();
    }
    const RenderedPrompt prompt = render_chat(literals, messages, options);
    EXPECT_EQ(prompt.text, read_file(folder + text_of(pair.value, "output"), 1 << 20));
    check_ranges(prompt, real_tokenizer());
  }
}

// With the real texts of tools, the hashes of the real prompts hold.
TEST(ChatFormat, RealPromptsOfTheSharedCases) {
  HADAL_NEED_SHARED("golden/chat/official/index.json");
  const ChatLiterals literals = parse_chat_literals(official_source(), "official").value_or(ChatLiterals());
  size_t seen = 0;
  for (const std::string& file : json_files(shared_path("golden/chat/encode"))) {
    const Json test_case = read_json(file);
    if (test_case.find("error") != nullptr) continue;
    const std::string& expected = text_of(test_case, "expected");
    if (expected.find("⟦EFFORT_MAX⟧") != expected.npos || expected.find("⟦RESPFMT⟧") != expected.npos)
      continue;
    SCOPED_TRACE(file);
    const RenderedPrompt prompt = render(literals, test_case);
    EXPECT_EQ(std::to_string(prompt.text.size()), test_case.find("expected_bytes")->integer()->text);
    EXPECT_EQ(sha256_of(prompt.text), text_of(test_case, "expected_sha256"));
    check_ranges(prompt, real_tokenizer());
    seen += expected.find("⟦TOOLS_HEAD⟧") != expected.npos;
  }
  EXPECT_EQ(seen, 9u);
}

TEST(ChatFormat, OwnCases) {
  for (const Json& test_case : json_lines(own_chat_case("encode.jsonl"))) {
    SCOPED_TRACE(text_of(test_case, "name"));
    const ChatLiterals literals = load_chat_literals(own_chat_case(text_of(test_case, "encoding")));
    if (test_case.find("error") != nullptr) {
      EXPECT_THROW(render(literals, test_case), Error);
      continue;
    }
    const RenderedPrompt prompt = render(literals, test_case);
    EXPECT_EQ(prompt.text, text_of(test_case, "expected"));
    JsonArray ranges;
    for (const TextRange& range : prompt.special_ranges)
      ranges.emplace_back(JsonArray{range.begin, range.end});
    EXPECT_EQ(dump_json(ranges), dump_json(*test_case.find("special_ranges")));
  }
}

TEST(ChatFormat, ContentNeverBecomesMarkup) {
  const ChatLiterals literals = own_chat_literals(ChatDialect::kV4Preview);
  const std::string all = std::string(kBosToken).append(kUserToken).append(kThinkToken).append(kDsmlToken);
  JsonObject tool;
  tool.set("name", all);
  JsonObject wrapped;
  wrapped.set("function", std::move(tool));
  JsonObject message;
  message.set("role", "system");
  message.set("content", all);
  message.set("tools", JsonArray{Json(std::move(wrapped))});
  const RenderedPrompt prompt = render_chat(literals, {Json(std::move(message))}, {});
  std::vector<std::string> markup;
  markup.reserve(prompt.special_ranges.size());
  for (const TextRange& range : prompt.special_ranges)
    markup.push_back(
        prompt.text.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin)));
  // BOS, the tags and </think> in the description of tools, and nothing of what the message says.
  std::vector<std::string> expected(8, std::string(kDsmlToken));
  expected.front() = kBosToken;
  expected.back() = kEndThinkToken;
  EXPECT_EQ(markup, expected);
}

TEST(ChatFormat, BlocksThatAreNoListAreNotLookedAt) {
  const ChatLiterals literals = own_chat_literals(ChatDialect::kV41);
  const std::optional<Json> messages =
      parse_json(R"([{"role": "user", "content": "q", "content_blocks": "x"}])");
  EXPECT_EQ(render_chat(literals, *messages->array(), {}).text,
            "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜></think>");
}

TEST(ChatFormat, ErrorsNameTheMessage) {
  const ChatLiterals literals = own_chat_literals(ChatDialect::kV40731);
  const auto error_of = [&](const char* messages, const Json& effort = {}) -> std::string {
    ChatOptions options;
    options.reasoning_effort = effort;
    try {
      render_chat(literals, *parse_json(messages)->array(), options);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(error_of(R"([{"role":"user","content":"a"},{"role":"boss"}])"),
            "messages[1]: unknown role \"boss\"");
  EXPECT_EQ(error_of(R"([{"role":"user","content":["a"]}])"), "messages[0]: content is not text");
  EXPECT_EQ(error_of(R"([{"role":"user","content":"a"}])", "xhigh"),
            "reasoning_effort \"xhigh\" is not one of the levels of this model: low, high, max");
  EXPECT_EQ(error_of("[1]"), "messages[0]: not an object");
  EXPECT_EQ(error_of(R"([{"role":"user","content":"a"}])", Json(false)), "none");
}

}  // namespace
}  // namespace hadal
