#include "server/apply_template.h"

#include <utility>

#include "server/request_json.h"

namespace hadal {
namespace {

Json count_or_null(const std::optional<uint64_t>& value) { return value ? Json(*value) : Json(); }

Json segment(const char* type, int64_t begin, int64_t end) {
  return object_of({{"type", type}, {"begin", begin}, {"end", end}});
}

// Control tokens, and each maximal run between them.
JsonArray segments_of(const RenderedPrompt& prompt) {
  JsonArray segments;
  int64_t at = 0;
  for (const TextRange& range : prompt.special_ranges) {
    if (range.begin > at) segments.push_back(segment("content", at, range.begin));
    segments.push_back(segment("markup", range.begin, range.end));
    at = range.end;
  }
  const auto size = static_cast<int64_t>(prompt.text.size());
  if (size > at) segments.push_back(segment("content", at, size));
  return segments;
}

JsonArray ranges_of(const RenderedPrompt& prompt) {
  JsonArray ranges;
  for (const TextRange& range : prompt.special_ranges) ranges.push_back(JsonArray{range.begin, range.end});
  return ranges;
}

JsonArray tools_of(const ChatRequest& request) {
  JsonArray tools;
  for (const ToolSpec& tool : request.tools)
    tools.push_back(object_of({{"name", tool.name},
                               {"description", tool.description},
                               {"parameters", tool.parameters},
                               {"strict", tool.strict ? Json(*tool.strict) : Json()},
                               {"defer_loading", false}}));
  return tools;
}

Json format_of(const ResponseFormat& format) {
  switch (format.kind) {
    case ResponseFormat::Kind::kText:
      break;
    case ResponseFormat::Kind::kJsonObject:
      return object_of({{"type", "json_object"}});
    case ResponseFormat::Kind::kJsonSchema:
      return object_of({{"type", "json_schema"}, {"schema", format.schema}});
    case ResponseFormat::Kind::kRegex:
      return object_of({{"type", "regex"}, {"regex", format.pattern}});
    case ResponseFormat::Kind::kGrammar:
      return object_of({{"type", "grammar"}, {"grammar", format.pattern}});
  }
  return object_of({{"type", "text"}});
}

Json constraint_of(const OutputConstraint& constraint) {
  constexpr const char* kNames[] = {"", "json", "regex", "grammar", "tool_call", "tool_call_required"};
  if (constraint.kind == ConstraintKind::kNone) return nullptr;
  return object_of({{"kind", kNames[static_cast<size_t>(constraint.kind)]}, {"schema", constraint.text}});
}

Json inference_of(const ChatRequest& request, const PromptPlan& plan, const RequestPolicy& policy) {
  const SamplingWish& wish = request.sampling;
  JsonObject inference = object_of({{"max_tokens", count_or_null(plan.max_tokens)},
                                    {"temperature", static_cast<double>(plan.temperature)},
                                    {"top_p", static_cast<double>(plan.top_p)},
                                    {"logprobs", wish.logprobs},
                                    {"top_logprobs", count_or_null(wish.top_logprobs)},
                                    {"seed", count_or_null(wish.seed)}});
  if (policy.is_deepseek()) return inference;
  inference.set("top_k", count_or_null(wish.top_k));
  inference.set("min_p", wish.min_p ? Json(*wish.min_p) : Json());
  inference.set("repetition_penalty", wish.repetition_penalty ? Json(*wish.repetition_penalty) : Json());
  inference.set("presence_penalty", wish.presence_penalty);
  inference.set("frequency_penalty", wish.frequency_penalty);
  return inference;
}

Json reading_of(const OutputReading& reading) {
  constexpr const char* kStages[] = {"", "reasoning_start", "reasoning_continuation", "content_continuation"};
  JsonArray stop(reading.stop.begin(), reading.stop.end());
  return object_of(
      {{"parse_tool_calls", reading.parse_tool_calls},
       {"starts_in_tool_calls", reading.starts_in_tool_calls},
       {"parse_json_output", reading.parse_json_output},
       {"thinking_initial_stage",
        reading.stage == ThinkingStage::kOff ? Json() : Json(kStages[static_cast<size_t>(reading.stage)])},
       {"stop", std::move(stop)}});
}

}  // namespace

Json describe_plan(const ChatRequest& request, const PromptPlan& plan, const RequestPolicy& policy) {
  constexpr const char* kChoices[] = {"auto", "none", "required"};
  JsonObject answer = object_of({{"prompt", plan.prompt.text},
                                 {"segments", segments_of(plan.prompt)},
                                 {"special_ranges", ranges_of(plan.prompt)},
                                 {"token_ids", JsonArray(plan.token_ids.begin(), plan.token_ids.end())},
                                 {"n_tokens", plan.token_ids.size()},
                                 {"thinking", request.thinking},
                                 {"effort", request.effort.empty() ? Json() : Json(request.effort)},
                                 {"tools", tools_of(request)},
                                 {"tool_choice", kChoices[static_cast<size_t>(request.tool_choice)]},
                                 {"response_format", format_of(request.format)},
                                 {"constraint", constraint_of(plan.constraint)},
                                 {"inference", inference_of(request, plan, policy)},
                                 {"parsing", reading_of(plan.reading)},
                                 {"stream", request.stream}});
  if (!request.namespaces.empty()) {
    JsonObject map;
    for (const auto& [shown, full] : request.namespaces) map.set(shown, JsonArray{full.first, full.second});
    answer.set("namespace_tool_map", std::move(map));
  }
  if (!request.echo.is_null()) answer.set("echo", request.echo);
  return answer;
}

}  // namespace hadal
