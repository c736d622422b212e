#include "tools/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/chat_format.h"
#include "text/python_text.h"
#include "text/reply_parser.h"
#include "tools/conversation.h"
#include "tools/jsonl.h"

namespace hadal {
namespace {

// Halves of surrogate pairs, which only JSON's escapes can say, as those.
std::string with_escaped_surrogates(std::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    const auto second = i + 2 < json.size() ? static_cast<uint8_t>(json[i + 1]) : uint8_t{0};
    if (json[i] == '\xED' && second >= 0xA0) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                     0xD000 | (second & 0x3F) << 6 | (json[i + 2] & 0x3F));
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

Json read_line(const std::string& line) {
  if (!is_valid_utf8(line)) fail(ErrorCode::kUsage, "the line is not UTF-8");
  JsonProblem problem;
  std::optional<Json> value = parse_json(line, &problem);
  if (!value) fail(ErrorCode::kUsage, "not JSON: {} at byte {}", problem.what, problem.offset);
  return *std::move(value);
}

const JsonArray& list_of(const Json* value, const char* name) {
  if (value == nullptr || value->array() == nullptr) fail(ErrorCode::kUsage, "\"{}\" is not a list", name);
  return *value->array();
}

ChatOptions read_options(const Json* given) {
  ChatOptions options;
  if (given == nullptr || given->object() == nullptr) fail(ErrorCode::kUsage, "\"options\" is not an object");
  const Json* const mode = given->find("thinking_mode");
  if (mode == nullptr) fail(ErrorCode::kUsage, "\"options\" has no \"thinking_mode\"");
  options.thinking_mode = python_str(*mode);
  if (const Json* const drop = given->find("drop_thinking")) options.drop_thinking = python_truth(drop);
  if (const Json* const bos = given->find("add_default_bos_token")) options.add_bos = python_truth(bos);
  if (const Json* const effort = given->find("reasoning_effort")) options.reasoning_effort = *effort;
  if (const Json* const context = given->find("context"); python_truth(context))
    options.context = list_of(context, "context");
  return options;
}

std::string rendered(const ChatLiterals& literals, const Tokenizer* tokenizer, const std::string& line) {
  const Json request = read_line(line);
  const JsonArray& messages = list_of(request.find("messages"), "messages");
  const RenderedPrompt prompt = render_chat(literals, messages, read_options(request.find("options")));
  std::vector<std::string> ranges;
  ranges.reserve(prompt.special_ranges.size());
  for (const TextRange& range : prompt.special_ranges)
    ranges.push_back(fmt::format("[{}, {}]", range.begin, range.end));
  std::string answer = fmt::format("{{\"prompt\": {}, \"special_ranges\": [{}]", json_quoted(prompt.text),
                                   fmt::join(ranges, ", "));
  if (!prompt.images.empty()) answer += ", \"images\": " + dump_json(prompt.images);
  if (tokenizer != nullptr)
    answer += fmt::format(", \"ids\": [{}]",
                          fmt::join(tokenizer->encode_segments(prompt.text, prompt.special_ranges), ", "));
  return answer + "}";
}

Json message_of(const Reply& reply, ChatDialect dialect) {
  JsonArray calls;
  for (const ToolCall& call : reply.calls) calls.push_back(message_call(call, dialect));
  JsonObject message;
  message.set("role", "assistant");
  message.set("content", reply.content);
  message.set("reasoning_content", reply.reasoning);
  message.set("tool_calls", std::move(calls));
  return message;
}

std::string parsed(ChatDialect dialect, const std::string& line) {
  const Json request = read_line(line);
  const Json* const completion = request.find("completion");
  if (completion == nullptr || completion->string() == nullptr)
    fail(ErrorCode::kUsage, "expected an object with a text \"completion\"");
  const Reply reply =
      parse_reply(*completion->string(), ReplyMode::kStrict, python_truth(request.find("thinking")), dialect);
  return "{\"message\": " + with_escaped_surrogates(dump_json(message_of(reply, dialect))) + "}";
}

}  // namespace

void render_lines(const ChatLiterals& literals, const Tokenizer* tokenizer, std::istream& in,
                  std::ostream& out) {
  for_each_json_line(in, out, [&](const std::string& line) { return rendered(literals, tokenizer, line); });
}

void parse_lines(ChatDialect dialect, std::istream& in, std::ostream& out) {
  for_each_json_line(in, out, [dialect](const std::string& line) { return parsed(dialect, line); });
}

}  // namespace hadal
