#include "server/reader_parts.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/printable.h"
#include "base/utf8.h"
#include "server/parameters.h"
#include "server/request_error.h"

namespace hadal {
namespace {

constexpr size_t kMaxStop = 16;
constexpr size_t kMaxLogitBias = 1024;

// Arguments that the chat formats take: an object as it was sent, anything else as the text of one parameter.
std::string object_arguments(const std::string& sent) {
  const std::optional<Json> value = parse_json(sent);
  if (value && value->object() != nullptr && is_valid_utf8(dump_json(*value))) return sent;
  return "{\"arguments\": " + json_quoted(sent) + "}";
}

void read_logit_bias(const RequestObject& body, SamplingWish& wish) {
  const std::optional<RequestObject> bias = body.object("logit_bias");
  if (!bias) return;
  const std::vector<JsonMember>& members = bias->json().object()->members();
  if (members.size() > kMaxLogitBias) refuse(bias->place(), "at most {} tokens", kMaxLogitBias);
  for (const JsonMember& member : members) {
    int32_t id = 0;
    const char* const end = member.key.data() + member.key.size();
    const auto read = std::from_chars(member.key.data(), end, id);
    if (read.ec != std::errc() || read.ptr != end || id < 0)
      refuse(bias->place(), "{} is no token id", in_quotes(member.key.substr(0, 40)));
    const double value = bias->number(member.key).value_or(0);
    if (value < -100 || value > 100) refuse(bias->place_of(member.key), "must be in [-100, 100]");
    wish.logit_bias.emplace_back(id, static_cast<float>(value));
  }
}

}  // namespace

void append_paragraph(std::string& text, std::string_view more) {
  if (!text.empty()) text += "\n\n";
  text += more;
}

void append_paragraph(std::optional<std::string>& text, std::string_view more) {
  if (!text) text.emplace();
  if (!more.empty()) append_paragraph(*text, more);
}

void add_system(ChatRequest& request, const RequestPolicy& policy, std::string text) {
  if (!policy.traits().marks_system) return append_paragraph(request.system, text);
  if (request.messages.empty() && !request.system) {
    request.system = std::move(text);
  } else {
    request.messages.push_back(text_message("system", std::move(text)));
  }
}

std::string image_text(const RequestPolicy& policy, const std::string& place) {
  if (policy.traits().has_blocks) refuse(place, "this server cannot read images yet; send text");
  return std::string(kUnsupportedImage);
}

Json text_message(std::string_view role, std::string content) {
  JsonObject message;
  message.set("role", role);
  message.set("content", std::move(content));
  return message;
}

Json tool_message(std::string call_id, std::string content) {
  JsonObject message;
  message.set("role", "tool");
  message.set("tool_call_id", std::move(call_id));
  message.set("content", std::move(content));
  return message;
}

Json assistant_message(std::string content, const std::optional<std::string>& reasoning,
                       const std::vector<HistoryCall>& calls) {
  JsonObject message;
  message.set("role", "assistant");
  message.set("content", std::move(content));
  if (reasoning) message.set("reasoning_content", *reasoning);
  if (calls.empty()) return message;
  JsonArray list;
  for (const HistoryCall& call : calls) {
    JsonObject function;
    function.set("name", call.name);
    function.set("arguments", object_arguments(call.arguments));
    JsonObject entry;
    entry.set("id", call.id);
    entry.set("type", "function");
    entry.set("function", std::move(function));
    list.emplace_back(std::move(entry));
  }
  message.set("tool_calls", std::move(list));
  return message;
}

void check_model(const std::string& model, const RequestPolicy& policy) {
  const auto known = [&](std::string_view name) {
    return std::ranges::find(policy.model_names, name) != policy.model_names.end();
  };
  if (!known(model) && !known("*"))
    refuse("model", "there is no model {} here, but {}", in_quotes(model.substr(0, 80)),
           fmt::join(policy.model_names, ", "));
}

std::optional<bool> read_thinking(const RequestObject& body) {
  const std::optional<RequestObject> thinking = body.object("thinking");
  if (!thinking) return std::nullopt;
  return thinking->need_choice("type", {"enabled", "disabled", "adaptive"}) != "disabled";
}

const std::string* read_effort(const RequestObject& holder, std::string_view key) {
  return holder.choice(key, {"none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"});
}

void resolve_thinking(std::optional<bool> wished, const std::string* effort, const RequestPolicy& policy,
                      ChatRequest& request) {
  const bool is_none = effort != nullptr && *effort == "none";
  request.thinking = wished.value_or(effort == nullptr ? policy.thinks_by_default : !is_none);
  request.effort.clear();
  if (!request.thinking) return;
  if (effort == nullptr || is_none || *effort == "medium" || *effort == "high") {
    request.effort = "high";
  } else if (*effort == "minimal" || *effort == "low") {
    request.effort = "low";
  } else {
    request.effort = *effort == "xhigh" ? "xhigh" : "max";
  }
}

std::vector<std::string> read_stop(const JsonArray& list, const std::string& place) {
  std::vector<std::string> stop;
  for (const Json& text : list) {
    const std::string at = fmt::format("{}[{}]", place, stop.size());
    if (text.string() == nullptr) refuse(at, "expected a string, got {}", json_kind(text));
    if (text.string()->empty()) refuse(at, "an empty text would stop at once");
    if (stop.size() == kMaxStop) refuse(place, "at most {} texts, this list has {}", kMaxStop, list.size());
    stop.push_back(*text.string());
  }
  return stop;
}

void bound_max_tokens(ChatRequest& request, const RequestPolicy& policy, const std::string& place,
                      bool lowers) {
  if (!request.max_tokens) return;
  const uint64_t bound = request.thinking ? policy.max_tokens_thinking : policy.max_tokens_plain;
  if (*request.max_tokens <= bound) return;
  if (!lowers) refuse(place, "{} is out of range: it must be in [1, {}]", *request.max_tokens, bound);
  request.max_tokens = bound;
}

void read_sampling(const RequestObject& body, Protocol protocol, const RequestPolicy& policy,
                   ChatRequest& request) {
  SamplingWish& wish = request.sampling;
  wish.temperature = read_number(body, protocol, "temperature");
  wish.top_p = read_number(body, protocol, "top_p");
  const bool is_openai = protocol == Protocol::kChat || protocol == Protocol::kCompletions;
  // The published API ignores what it does not know, whatever it is.
  if (!policy.is_deepseek() && protocol != Protocol::kResponses)
    wish.top_k = read_count(body, protocol, "top_k");
  if (!is_openai) return;
  if (!policy.is_deepseek()) {
    wish.min_p = read_number(body, protocol, "min_p");
    wish.repetition_penalty = read_number(body, protocol, "repetition_penalty");
    read_logit_bias(body, wish);
  }
  wish.presence_penalty = read_number(body, protocol, "presence_penalty").value_or(0);
  wish.frequency_penalty = read_number(body, protocol, "frequency_penalty").value_or(0);
  wish.seed = read_count(body, protocol, "seed");
  if (wish.seed && *wish.seed >> 63 != 0) refuse("seed", "it must be less than 2^63");
  request.n = read_count(body, protocol, "n").value_or(1);
  if (policy.is_deepseek() && request.n != 1) refuse("n", "only 1 is supported");
}

void check_choice(const ChatRequest& request, const RequestPolicy& policy) {
  if (policy.is_deepseek() && request.thinking && request.tool_choice == ToolChoice::kRequired)
    refuse("tool_choice", "thinking mode does not support it; switch thinking off");
}

bool mentions_json(std::string_view text) {
  constexpr std::string_view kWord = "json";
  return !std::ranges::search(text, kWord, {}, [](char c) {
            return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
          }).empty();
}

bool messages_mention_json(const ChatRequest& request) {
  if (request.system && mentions_json(*request.system)) return true;
  return std::ranges::any_of(request.messages, [](const Json& message) {
    const Json* const content = message.find("content");
    return content != nullptr && content->string() != nullptr && mentions_json(*content->string());
  });
}

void check_reasoning(const ChatRequest& request, const RequestPolicy& policy, std::string_view field) {
  if (!policy.rejects_missing_reasoning || !request.thinking) return;
  for (size_t i = request.messages.size(); i-- > 0;) {
    const Json& message = request.messages[i];
    if (*message.find("role")->string() == "user") return;
    if (message.find("tool_calls") != nullptr && message.find("reasoning_content") == nullptr)
      refuse("", "in thinking mode a tool call must come back with its {}", field);
  }
}

}  // namespace hadal
