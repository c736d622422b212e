// A model's words -> the events of a protocol: what a client reads from the stream is what the answer says
// that is not streamed, and nothing that a model writes can end an event or begin one. The first bytes say
// the protocol, the request and the end, then come the tokens: bytes of text, with D and E for the DSML token
// and the end of the turn.
#include <cstdint>

#include "server/generations.h"
#include "server/request_json.h"
#include "server_fuzz.h"

namespace hadal {
namespace {

constexpr std::string_view kPrompts[] = {
    R"("messages": [{"role": "user", "content": "json"}])", R"("prompt": "x")", R"("input": "x")",
    R"("max_tokens": 100, "messages": [{"role": "user", "content": "x"}])"};
constexpr std::string_view kPlain[] = {R"("thinking": {"type": "disabled"})", R"("echo": true)",
                                       R"("reasoning": {"effort": "none"})",
                                       R"("thinking": {"type": "disabled"})"};
constexpr std::string_view kTools[] = {
    R"("tools": [{"type": "function", "function": {"name": "f"}}])", R"("suffix": null)",
    R"("tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}])",
    R"("tools": [{"name": "f", "input_schema": {"type": "object"}}])"};
constexpr std::string_view kStops[] = {R"("stop": ["ab", "\n\n"])", R"("stop": "ab")", R"("user": "u")",
                                       R"("stop_sequences": ["ab", "a\r"])"};
constexpr std::string_view kOthers[] = {
    R"("response_format": {"type": "json_object"}, "n": 2, "logprobs": true, "top_logprobs": 1)",
    R"("logprobs": 1, "n": 2)", R"("top_logprobs": 1)", R"("metadata": {"user_id": "u"})"};

Json body_of(size_t protocol, uint8_t flags, bool stream) {
  std::string text = R"({"model": "m\nodel", )" + std::string(kPrompts[protocol]);
  const auto add = [&](int bit, const std::string_view* table) {
    if ((flags >> bit & 1) != 0) text.append(", ").append(table[protocol]);
  };
  add(0, kPlain);
  add(1, kTools);
  add(2, kStops);
  add(3, kOthers);
  if ((flags & 8) != 0 && protocol == 0) text += R"(, "metadata": {"json": 1})";
  text += stream ? R"(, "stream": true})" : "}";
  return parse_request_json(text);
}

std::vector<int32_t> tokens_of(std::string_view bytes, bool by_character) {
  std::string text;
  for (const char c : bytes) {
    if (c == 'D') {
      text += kDsmlToken;
    } else if (c == 'E') {
      text += kEosToken;
    } else {
      text += c;
    }
  }
  std::vector<int32_t> ids;
  for (const int32_t id : fuzz_tokenizer().encode(text)) {
    if (!by_character || fuzz_tokenizer().is_added(id)) {
      ids.push_back(id);
      continue;
    }
    for (const char& byte : fuzz_tokenizer().token_bytes(id))
      for (const int32_t part : fuzz_tokenizer().encode_content({&byte, 1})) ids.push_back(part);
  }
  return ids;
}

std::string text_at(const Json* value, std::string_view key) {
  const Json* const text = value == nullptr ? nullptr : value->find(key);
  return text == nullptr || text->string() == nullptr ? "" : *text->string();
}

// What the deltas of chat and completions say, a text for each choice and field.
std::vector<std::string> said_in_choices(const std::vector<ReadEvent>& events) {
  std::vector<std::string> said(2);
  for (const ReadEvent& event : events) {
    if (event.data == "[DONE]") continue;
    const Json chunk = json_of(event.data);
    for (const Json& choice : *chunk.find("choices")->array()) {
      std::string& text = said.at(std::stoul(choice.find("index")->integer()->text));
      text += text_at(&choice, "text");
      const Json* const delta = choice.find("delta");
      text += text_at(delta, "content");
    }
  }
  return said;
}

void check_choices(const std::vector<ReadEvent>& events, const Json& whole) {
  CHECK(!events.empty() && events.back().data == "[DONE]");
  const std::vector<std::string> said = said_in_choices(events);
  size_t index = 0;
  for (const Json& choice : *whole.find("choices")->array()) {
    CHECK(said.at(index++) == text_at(&choice, "text") + text_at(choice.find("message"), "content"));
    const Json* const finish = choice.find("finish_reason");
    CHECK(finish != nullptr && finish->string() != nullptr);
  }
  for (const ReadEvent& event : events) CHECK(event.name.empty());
}

void check_named(const std::vector<ReadEvent>& events) {
  for (const ReadEvent& event : events)
    CHECK(text_at(&static_cast<const Json&>(json_of(event.data)), "type") == event.name);
}

void check_responses(const std::vector<ReadEvent>& events, const Json& whole) {
  check_named(events);
  std::string said;
  for (size_t i = 0; i < events.size(); ++i) {
    const Json event = json_of(events[i].data);
    CHECK(event.find("sequence_number")->integer()->text == std::to_string(i));
    if (events[i].name == "response.output_text.delta") said += text_at(&event, "delta");
  }
  std::string expected;
  for (const Json& item : *whole.find("output")->array()) {
    if (text_at(&item, "type") != "message") continue;
    for (const Json& part : *item.find("content")->array()) expected += text_at(&part, "text");
  }
  CHECK(said == expected);
}

void check_messages(const std::vector<ReadEvent>& events, const Json& whole) {
  check_named(events);
  std::string said;
  for (const ReadEvent& event : events) {
    const Json data = json_of(event.data);
    said += text_at(data.find("delta"), "text") + text_at(data.find("delta"), "thinking");
  }
  std::string expected;
  for (const Json& block : *whole.find("content")->array())
    expected += text_at(&block, "text") + text_at(&block, "thinking");
  CHECK(said == expected);
  CHECK(!events.empty() && events.back().name == "message_stop");
}

void check(size_t protocol, uint8_t flags, FinishReason finish, std::vector<int32_t> tokens) {
  static const ChatLiterals literals = own_chat_literals(ChatDialect::kV40731);
  ToldGenerator generator;
  generator.tokens = std::move(tokens);
  generator.finish = finish;
  Generations generations(generator, fuzz_tokenizer(), literals, "fp", nullptr);
  RequestContext context;
  context.policy.json_object_text = "JSON";
  const auto reply_to = [&](bool stream) {
    return std::move(
        generations.begin(static_cast<Protocol>(protocol), body_of(protocol, flags, stream), context).reply);
  };
  const std::unique_ptr<ServedReply> streamed = reply_to(true);
  const std::vector<ReadEvent> events = read_events(drained(*streamed));
  const std::unique_ptr<ServedReply> folded = reply_to(false);
  CHECK(drained(*folded).empty());
  const Json whole = json_of(folded->body());
  CHECK(is_valid_utf8(folded->body()));
  CHECK(streamed->status() == folded->status());
  if (folded->status() != 200) {
    CHECK(whole.find("error") != nullptr && json_of(events.back().data).find("error") != nullptr);
    return;
  }
  if (protocol < 2) return check_choices(events, whole);
  if (protocol == 2) return check_responses(events, whole);
  check_messages(events, whole);
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hadal;
  if (size < 3) return 0;
  constexpr FinishReason kEnds[] = {FinishReason::kStopToken, FinishReason::kLength,
                                    FinishReason::kContentFilter, FinishReason::kDeadline};
  check(data[0] % 4, data[1], kEnds[data[2] % 4],
        tokens_of({reinterpret_cast<const char*>(data) + 3, size - 3}, data[2] / 4 % 2 == 1));
  return 0;
}
