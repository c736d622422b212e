// A request free of its protocol: what the four request readers make and everything behind them uses.
//
// Messages stand in the form that the chat formats render (text/chat_format.h); system text is apart, because
// tools and the wished format are printed with it. Every limit of the protocol has been checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/literals.h"

namespace hadal {

enum class Protocol : uint8_t { kChat, kCompletions, kResponses, kMessages };

// How requests are read where the published API layer of DeepSeek and the protocols' own documents differ.
enum class Dialect : uint8_t { kDefault, kDeepSeek };

// What a server decides about requests; in production from its configuration.
struct RequestPolicy {
  Dialect dialect = Dialect::kDefault;
  ChatDialect format = ChatDialect::kV40731;
  // The names that a request may give, by the model behind each; with "*" in it, any.
  std::vector<std::string> model_names = {"*"};
  bool thinks_by_default = true;
  // Error, not empty reasoning, for a tool call of the last turn that comes back without its reasoning.
  bool rejects_missing_reasoning = false;
  bool rejects_responses_web_search = false;
  bool rejects_messages_web_search = true;
  uint64_t max_tokens_thinking = 393216;
  uint64_t max_tokens_plain = 393216;
  // The description that a custom tool apply_patch gets, and the words for response_format json_object.
  std::string apply_patch_text;
  std::string json_object_text;
  // The model's own choice, for requests that say nothing.
  double default_temperature = 1;
  double default_top_p = 1;
  uint64_t default_top_k = 0;

  bool is_deepseek() const { return dialect == Dialect::kDeepSeek; }
  const ChatTraits& traits() const { return traits_of(format); }
};

struct ToolSpec {
  std::string name;
  Json description;  // a string or null
  Json parameters;   // closed when strict
  std::optional<bool> strict;
  bool is_custom = false;  // its input is one text, not an object
};

enum class ToolChoice : uint8_t { kAuto, kNone, kRequired };

struct ResponseFormat {
  enum class Kind : uint8_t { kText, kJsonObject, kJsonSchema, kRegex, kGrammar };
  Kind kind = Kind::kText;
  Json schema;         // as sent
  Json strict_schema;  // what is enforced
  std::string pattern;
};

// The beginning of the answer, which the model goes on with.
struct Continuation {
  std::optional<std::string> reasoning;
  std::string content;
};

struct SamplingWish {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<uint64_t> top_k;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  std::vector<std::pair<int32_t, float>> logit_bias;
  std::optional<uint64_t> seed;
  bool logprobs = false;
  std::optional<uint64_t> top_logprobs;
};

struct ChatRequest {
  Protocol protocol = Protocol::kChat;
  std::string model;
  std::optional<std::string> system;
  JsonArray messages;
  std::optional<Continuation> continuation;

  bool thinking = true;
  std::string effort;  // low, high, xhigh or max; empty when not thinking

  std::vector<ToolSpec> tools;  // as the model sees them
  ToolChoice tool_choice = ToolChoice::kAuto;
  bool parallel_tool_calls = true;
  ResponseFormat format;

  std::optional<uint64_t> max_tokens;
  SamplingWish sampling;
  std::vector<std::string> stop;
  uint64_t n = 1;

  bool stream = false;
  std::optional<bool> include_usage;
  bool return_progress = false;  // of the prompt, in chunks of their own
  std::string user;              // separates caches; may be empty

  // Responses: the settings that its answers repeat, and the tools of namespaces by their shown names.
  Json echo;
  JsonObject response_settings;
  std::vector<std::pair<std::string, std::pair<std::string, std::string>>> namespaces;
};

}  // namespace hadal
