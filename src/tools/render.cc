#include "tools/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/chat_format.h"
#include "text/python_text.h"
#include "tools/jsonl.h"

namespace hadal {
namespace {

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
  if (tokenizer != nullptr)
    answer += fmt::format(", \"ids\": [{}]",
                          fmt::join(tokenizer->encode_segments(prompt.text, prompt.special_ranges), ", "));
  return answer + "}";
}

}  // namespace

void render_lines(const ChatLiterals& literals, const Tokenizer* tokenizer, std::istream& in,
                  std::ostream& out) {
  for_each_json_line(in, out, [&](const std::string& line) { return rendered(literals, tokenizer, line); });
}

}  // namespace hadal
