#include "server/parameters.h"

#include <algorithm>

#include "base/check.h"
#include "server/request_error.h"

namespace hadal {
namespace {

using Type = ParameterType;

constexpr uint8_t bit(Protocol protocol) {
  return static_cast<uint8_t>(1U << static_cast<uint8_t>(protocol));
}
constexpr uint8_t kChat = bit(Protocol::kChat);
constexpr uint8_t kComp = bit(Protocol::kCompletions);
constexpr uint8_t kResp = bit(Protocol::kResponses);
constexpr uint8_t kMess = bit(Protocol::kMessages);
constexpr uint8_t kAll = kChat | kComp | kResp | kMess;
constexpr uint8_t kOpenAi = kChat | kComp;

constexpr double kMaxTokens = 4294967295.0;
constexpr double kMaxSeed = 9223372036854775807.0;

constexpr RequestParameter kParameters[] = {
    {"model", kAll, Type::kText, 0, 0, false, "", "The model; by default any name means the loaded one."},
    {"messages", kChat | kMess, Type::kList, 0, 0, false, "", "The conversation so far, oldest first."},
    {"prompt", kComp, Type::kAny, 0, 0, false, "",
     "Text, a list of texts, token ids, or a list of such lists."},
    {"input", kResp, Type::kAny, 0, 0, false, "", "Text, or a list of items."},
    {"instructions", kResp, Type::kText, 0, 0, false, "", "System text that goes before the input."},
    {"system", kMess, Type::kAny, 0, 0, false, "", "System text, or a list of text blocks."},
    {"suffix", kComp, Type::kText, 0, 0, false, "", "Text after the hole: the model fills what is between."},
    {"echo", kComp, Type::kFlag, 0, 0, false, "false", "Give the prompt back before the completion."},
    {"max_tokens", kChat | kMess, Type::kInteger, 1, kMaxTokens, false, "",
     "The most tokens of the answer, reasoning included."},
    {"max_tokens", kComp, Type::kInteger, 0, kMaxTokens, false, "16",
     "The most tokens of the completion; 0 with echo only."},
    {"max_completion_tokens", kChat, Type::kInteger, 1, kMaxTokens, false, "",
     "The newer name of max_tokens."},
    {"max_output_tokens", kResp, Type::kInteger, 1, kMaxTokens, false, "",
     "The most tokens of the answer, reasoning included."},
    {"temperature", kAll, Type::kNumber, 0, 2, false, "1", "0 always takes the likeliest token."},
    {"top_p", kAll, Type::kNumber, 0, 1, true, "1", "Draw from the likeliest tokens that hold this much."},
    {"top_k", kOpenAi | kMess, Type::kInteger, 0, kMaxTokens, false, "0",
     "Draw from the k likeliest; 0: all."},
    {"min_p", kOpenAi, Type::kNumber, 0, 1, false, "0",
     "Leave out what is this much less likely than the first."},
    {"presence_penalty", kOpenAi, Type::kNumber, -2, 2, false, "0", "Against tokens that have been written."},
    {"frequency_penalty", kOpenAi, Type::kNumber, -2, 2, false, "0",
     "Against tokens, by how often they came."},
    {"repetition_penalty", kOpenAi, Type::kNumber, 0, 10, true, "1", "Against every token of the context."},
    {"logit_bias", kOpenAi, Type::kObject, 0, 0, false, "",
     "Token id -> what is added to its logit, -100 to 100."},
    {"seed", kOpenAi, Type::kInteger, 0, kMaxSeed, false, "", "The same seed gives the same answer."},
    {"stop", kOpenAi, Type::kAny, 0, 0, false, "", "Text, or up to 16 texts, that end the answer."},
    {"stop_sequences", kMess, Type::kList, 0, 0, false, "", "Up to 16 texts that end the answer."},
    {"n", kOpenAi, Type::kInteger, 1, 8, false, "1", "How many answers."},
    {"best_of", kComp, Type::kInteger, 1, 1, false, "1", "Only 1."},
    {"logprobs", kChat, Type::kFlag, 0, 0, false, "false", "Give the logarithm of each token's probability."},
    {"logprobs", kComp, Type::kInteger, 0, 20, false, "",
     "How many likely tokens to give for each token; with echo for those of the prompt too."},
    {"top_logprobs", kChat | kResp, Type::kInteger, 0, 20, false, "",
     "How many likely tokens to give for each."},
    {"stream", kAll, Type::kFlag, 0, 0, false, "false",
     "Send the answer as it is made, as server-sent events."},
    {"stream_options", kOpenAi, Type::kObject, 0, 0, false, "",
     "include_usage: a last chunk with the usage."},
    {"return_progress", kChat, Type::kFlag, 0, 0, false, "false",
     "Send how much of the prompt has been read, as chunks without choices."},
    {"tools", kChat | kResp | kMess, Type::kList, 0, 0, false, "", "The functions that the model may call."},
    {"tool_choice", kChat | kResp | kMess, Type::kAny, 0, 0, false, "auto",
     "auto, none, required, or one tool."},
    {"parallel_tool_calls", kChat | kResp, Type::kFlag, 0, 0, false, "true", "Several calls in one answer."},
    {"response_format", kChat, Type::kObject, 0, 0, false, "", "text, json_object, json_schema or regex."},
    {"text", kResp, Type::kObject, 0, 0, false, "", "format: text, json_object or json_schema; verbosity."},
    {"output_config", kMess, Type::kObject, 0, 0, false, "", "effort; format: a JSON schema for the answer."},
    {"thinking", kChat | kMess, Type::kObject, 0, 0, false, "", "type: enabled, disabled or adaptive."},
    {"reasoning_effort", kChat, Type::kText, 0, 0, false, "high",
     "none, minimal, low, medium, high, xhigh, ultra or max."},
    {"reasoning", kResp, Type::kObject, 0, 0, false, "", "effort, as reasoning_effort of chat; summary."},
    {"user", kChat | kComp | kResp, Type::kText, 0, 0, false, "", "Keeps the caches of users apart."},
    {"user_id", kChat | kComp, Type::kText, 0, 0, false, "",
     "Keeps the caches of users apart; at most 512 bytes."},
    {"metadata", kResp | kMess, Type::kObject, 0, 0, false, "",
     "user_id (Messages) keeps the caches of users apart."},
};

const RequestParameter& parameter(Protocol protocol, std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kParameters, [&](const RequestParameter& p) { return p.name == name && p.belongs_to(protocol); });
  CHECK(found != std::end(kParameters));
  return *found;
}

void check_range(const RequestObject& body, const RequestParameter& parameter, double value) {
  if (!parameter.has_range()) return;
  const bool low = parameter.above_min ? value <= parameter.min : value < parameter.min;
  if (low || value > parameter.max)
    refuse(body.place_of(parameter.name), "{} is out of range: it must be in {}{}, {}]", value,
           parameter.above_min ? '(' : '[', parameter.min, parameter.max);
}

}  // namespace

std::span<const RequestParameter> request_parameters() { return kParameters; }

std::optional<double> read_number(const RequestObject& body, Protocol protocol, std::string_view name) {
  const RequestParameter& known = parameter(protocol, name);
  CHECK(known.type == Type::kNumber);
  const std::optional<double> value = body.number(name);
  if (value) check_range(body, known, *value);
  return value;
}

std::optional<uint64_t> read_count(const RequestObject& body, Protocol protocol, std::string_view name) {
  const RequestParameter& known = parameter(protocol, name);
  CHECK(known.type == Type::kInteger);
  const std::optional<uint64_t> value = body.count(name);
  if (value) check_range(body, known, static_cast<double>(*value));
  return value;
}

std::optional<bool> read_flag(const RequestObject& body, Protocol protocol, std::string_view name) {
  CHECK(parameter(protocol, name).type == Type::kFlag);
  return body.flag(name);
}

}  // namespace hadal
