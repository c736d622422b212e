#include "server/prompt_plan.h"

#include <algorithm>
#include <utility>

#include "server/request_error.h"
#include "server/tool_specs.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

constexpr float kToolTopP = 0.95F;  // the published service's, in thinking mode

constexpr std::string_view kFimBegin = "<｜fim▁begin｜>";
constexpr std::string_view kFimHole = "<｜fim▁hole｜>";
constexpr std::string_view kFimEnd = "<｜fim▁end｜>";

constexpr uint64_t kPlainMaxTokens = 8192;
constexpr uint64_t kThinkingMaxTokens = 65536;
constexpr uint64_t kMaxEffortMaxTokens = 131072;

void add_markup(RenderedPrompt& prompt, std::string_view token) {
  const auto begin = static_cast<int64_t>(prompt.text.size());
  prompt.text += token;
  prompt.special_ranges.push_back({begin, static_cast<int64_t>(prompt.text.size())});
}

Json shown_tools(const std::vector<ToolSpec>& tools) {
  JsonArray list;
  for (const ToolSpec& tool : tools) {
    JsonObject function;
    function.set("name", tool.name);
    function.set("description", tool.description.is_null() ? Json("") : tool.description);
    function.set("parameters", tool.parameters);
    JsonObject entry;
    entry.set("function", std::move(function));
    list.emplace_back(std::move(entry));
  }
  return list;
}

std::optional<std::string> format_words(const ChatRequest& request, const RequestPolicy& policy,
                                        const ChatLiterals& literals, TextTemplate& words) {
  words = literals.response_format;
  const bool is_object = request.format.kind == ResponseFormat::Kind::kJsonObject;
  if (is_object && policy.traits().marks_system) return R"({"type": "json_object"})";
  if (is_object) {
    words = {{TemplatePiece::Kind::kText, policy.json_object_text}};
    return "";
  }
  if (request.format.kind != ResponseFormat::Kind::kJsonSchema) return std::nullopt;
  return dump_json(request.format.schema);
}

// What stands before the conversation: system text, tools, the wished format. `literals` gets the format's
// text.
std::optional<Json> front_message(const ChatRequest& request, const RequestPolicy& policy,
                                  ChatLiterals& literals) {
  TextTemplate words;
  const std::optional<std::string> value = format_words(request, policy, literals, words);
  if (!request.system && request.tools.empty() && !value) return std::nullopt;
  JsonObject message;
  message.set("role", "system");
  message.set("content", request.system.value_or(""));
  if (!request.tools.empty()) message.set("tools", shown_tools(request.tools));
  if (value) {
    // Given as text: an empty schema is shown too.
    for (TemplatePiece& piece : words)
      if (piece.kind == TemplatePiece::Kind::kValue) piece = {TemplatePiece::Kind::kText, *value};
    literals.response_format = std::move(words);
    message.set("response_format", true);
  }
  return Json(std::move(message));
}

std::string effort_level(const ChatRequest& request, const ChatLiterals& literals) {
  if (literals.dialect == ChatDialect::kV4Preview)
    return request.effort == "xhigh" || request.effort == "max" ? "max" : "high";
  return request.effort == "xhigh" ? "high" : request.effort;
}

// Whether the prompt ends in a header that the model answers after, or in results that it goes on after.
bool has_open_header(const RenderedPrompt& prompt) {
  if ((prompt.text.ends_with(kThinkToken) || prompt.text.ends_with(kEndThinkToken)) &&
      !prompt.special_ranges.empty() && prompt.special_ranges.back().end == std::ssize(prompt.text))
    return true;
  for (auto range = prompt.special_ranges.rbegin(); range != prompt.special_ranges.rend(); ++range) {
    const std::string_view token =
        std::string_view(prompt.text)
            .substr(static_cast<size_t>(range->begin), static_cast<size_t>(range->end - range->begin));
    if (token == kAssistantToken) return true;
    if (token == kUserToken || token == kEosToken || token == kBosToken) return false;
  }
  return false;
}

size_t place_of_call(const Json& calls, const Json& result) {
  const std::string& id = *result.find("tool_call_id")->string();
  const auto found = std::ranges::find_if(*calls.array(),
                                          [&](const Json& call) { return *call.find("id")->string() == id; });
  return static_cast<size_t>(found - calls.array()->begin());
}

// For a format that tells results apart by their places alone.
void put_results_in_call_order(JsonArray& messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json* const calls = messages[i].find("tool_calls");
    if (calls == nullptr) continue;
    const size_t end = std::min(messages.size(), i + 1 + calls->array()->size());
    std::ranges::stable_sort(messages.begin() + static_cast<int64_t>(i) + 1,
                             messages.begin() + static_cast<int64_t>(end), {},
                             [&](const Json& result) { return place_of_call(*calls, result); });
  }
}

void continue_answer(const Continuation& begun, bool thinking, PromptPlan& plan) {
  const std::string reasoning = begun.reasoning.value_or("");
  if (!thinking) {
    plan.prompt.text += begun.content;
    return;
  }
  if (!begun.content.empty()) {
    plan.prompt.text += reasoning;
    add_markup(plan.prompt, kEndThinkToken);
    plan.prompt.text += begun.content;
    plan.reading.stage = ThinkingStage::kContentContinued;
  } else if (!reasoning.empty()) {
    plan.prompt.text += reasoning;
    plan.reading.stage = ThinkingStage::kReasoningContinued;
  }
}

OutputConstraint constraint_of(const ChatRequest& request) {
  if (!request.tools.empty()) {
    const bool required = request.tool_choice == ToolChoice::kRequired;
    return {required ? ConstraintKind::kToolCallRequired : ConstraintKind::kToolCall,
            compact_json(tools_json(request.tools))};
  }
  switch (request.format.kind) {
    case ResponseFormat::Kind::kText:
      break;
    case ResponseFormat::Kind::kJsonObject:
      return {ConstraintKind::kJson, ""};
    case ResponseFormat::Kind::kJsonSchema:
      return {ConstraintKind::kJson, compact_json(request.format.strict_schema)};
    case ResponseFormat::Kind::kRegex:
      return {ConstraintKind::kRegex, request.format.pattern};
    case ResponseFormat::Kind::kGrammar:
      return {ConstraintKind::kGrammar, request.format.pattern};
  }
  return {};
}

void set_sampling(const ChatRequest& request, const RequestPolicy& policy, PromptPlan& plan) {
  plan.max_tokens = request.max_tokens;
  const SamplingWish& wish = request.sampling;
  if (!policy.is_deepseek()) {
    plan.temperature = static_cast<float>(wish.temperature.value_or(policy.default_temperature));
    plan.top_p = static_cast<float>(wish.top_p.value_or(policy.default_top_p));
    return;
  }
  // The published service takes no wishes in thinking mode; with V4.1 a top_p that is not too low.
  if (policy.traits().counts_effort) {
    plan.temperature = request.thinking ? 1.0F : static_cast<float>(wish.temperature.value_or(1));
    plan.top_p = request.thinking && wish.top_p ? std::max(static_cast<float>(*wish.top_p), kToolTopP) : 1.0F;
    return;
  }
  const float default_top_p = request.thinking && !request.tools.empty() ? kToolTopP : 1.0F;
  const bool listens = !request.thinking;
  plan.temperature = listens && wish.temperature ? static_cast<float>(*wish.temperature) : 1.0F;
  plan.top_p = listens && wish.top_p ? static_cast<float>(*wish.top_p) : default_top_p;
}

}  // namespace

PromptPlan plan_chat(const ChatRequest& request, const RequestPolicy& policy, const ChatLiterals& literals,
                     const Tokenizer& tokenizer) {
  PromptPlan plan;
  plan.format = policy.format;
  ChatLiterals words = literals;
  JsonArray messages;
  if (std::optional<Json> front = front_message(request, policy, words))
    messages.push_back(*std::move(front));
  messages.insert(messages.end(), request.messages.begin(), request.messages.end());
  if (!policy.traits().merges_turns) put_results_in_call_order(messages);
  ChatOptions options;
  options.thinking_mode = request.thinking ? "thinking" : "chat";
  options.quotes_image_mark = true;
  if (request.thinking) options.reasoning_effort = effort_level(request, literals);
  plan.prompt = render_chat(words, messages, options);
  // Without a message the renderer has no place for the effort.
  if (!has_open_header(plan.prompt)) {
    add_markup(plan.prompt, kAssistantToken);
    add_markup(plan.prompt, request.thinking ? kThinkToken : kEndThinkToken);
  }
  plan.reading.stage = request.thinking ? ThinkingStage::kReasoning : ThinkingStage::kOff;
  if (request.continuation) continue_answer(*request.continuation, request.thinking, plan);
  plan.constraint = constraint_of(request);
  plan.reading.parse_tool_calls = !request.tools.empty();
  plan.reading.parse_json_output = request.format.kind == ResponseFormat::Kind::kJsonObject;
  plan.reading.stop = request.stop;
  if (request.tool_choice == ToolChoice::kRequired && !request.thinking) {
    plan.reading.starts_in_tool_calls = true;
    plan.prompt.text += "\n\n<";
    add_markup(plan.prompt, kDsmlToken);
    plan.prompt.text.append(policy.traits().names.block).append(">\n");
  }
  set_sampling(request, policy, plan);
  plan.token_ids = tokenizer.encode_segments(plan.prompt.text, plan.prompt.special_ranges);
  return plan;
}

PromptPlan plan_completion(const CompletionRequest& request, const CompletionRequest::Prompt& prompt,
                           const RequestPolicy& policy, const Tokenizer& tokenizer) {
  PromptPlan plan;
  plan.reading.stop = request.common.stop;
  plan.reading.plain_text = true;
  set_sampling(request.common, policy, plan);
  if (const auto* const ids = std::get_if<std::vector<int32_t>>(&prompt)) {
    for (const int32_t id : *ids)
      if (!tokenizer.has_token(id)) refuse("prompt", "the model has no token {}", id);
    plan.token_ids = *ids;
    plan.prompt.text = tokenizer.decode(*ids);
    return plan;
  }
  add_markup(plan.prompt, kBosToken);
  if (request.suffix) {
    for (const std::string_view token : {kFimBegin, kFimHole, kFimEnd})
      if (!tokenizer.find_added(token)) refuse("suffix", "this model cannot fill in the middle");
    add_markup(plan.prompt, kFimBegin);
    plan.prompt.text += std::get<std::string>(prompt);
    add_markup(plan.prompt, kFimHole);
    plan.prompt.text += *request.suffix;
    add_markup(plan.prompt, kFimEnd);
  } else {
    plan.prompt.text += std::get<std::string>(prompt);
  }
  plan.token_ids = tokenizer.encode_segments(plan.prompt.text, plan.prompt.special_ranges);
  return plan;
}

uint64_t resolve_max_tokens(std::optional<uint64_t> wished, const ChatRequest& request,
                            uint64_t prompt_tokens, uint64_t context_limit) {
  const uint64_t needed = prompt_tokens + wished.value_or(0);
  if (needed > context_limit)
    throw RequestError(
        400,
        fmt::format("the model reads at most {} tokens, this request needs {}: {} of the prompt "
                    "and {} of the answer. Shorten the prompt or lower max_tokens",
                    context_limit, needed, prompt_tokens, wished.value_or(0)),
        "", "context_length_exceeded");
  if (wished) return *wished;
  const uint64_t usual = !request.thinking         ? kPlainMaxTokens
                         : request.effort == "max" ? kMaxEffortMaxTokens
                                                   : kThinkingMaxTokens;
  return std::max<uint64_t>(1, std::min(usual, context_limit - prompt_tokens));
}

}  // namespace hadal
