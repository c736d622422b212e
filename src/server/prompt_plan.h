// ChatRequest -> what the engine gets: the prompt with the ranges of its control tokens, its ids, how to
// sample, what a grammar must enforce, how the output is to be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/chat_request.h"
#include "server/request_readers.h"
#include "text/chat_format.h"
#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

enum class ConstraintKind : uint8_t { kNone, kJson, kRegex, kGrammar, kToolCall, kToolCallRequired };

struct OutputConstraint {
  ConstraintKind kind = ConstraintKind::kNone;
  // A schema as JSON (empty: any object), a pattern, a grammar, or the tools as a JSON list.
  std::string text;
};

// How the output begins in thinking mode.
enum class ThinkingStage : uint8_t { kOff, kReasoning, kReasoningContinued, kContentContinued };

struct OutputReading {
  bool parse_tool_calls = false;
  bool starts_in_tool_calls = false;
  bool parse_json_output = false;
  ThinkingStage stage = ThinkingStage::kOff;
  std::vector<std::string> stop;
  bool plain_text = false;  // of a completion: nothing is markup, and line ends at the start stay
};

struct PromptPlan {
  RenderedPrompt prompt;
  std::vector<int32_t> token_ids;
  ChatDialect format = ChatDialect::kV40731;
  OutputConstraint constraint;
  OutputReading reading;
  std::optional<uint64_t> max_tokens;
  // 32-bit values, as the published service has them.
  float temperature = 1;
  float top_p = 1;
};

// Error(kUsage) and RequestError for conversations that the chat format refuses.
PromptPlan plan_chat(const ChatRequest& request, const RequestPolicy& policy, const ChatLiterals& literals,
                     const Tokenizer& tokenizer);

// Of one of the prompts of a completion.
PromptPlan plan_completion(const CompletionRequest& request, const CompletionRequest::Prompt& prompt,
                           const RequestPolicy& policy, const Tokenizer& tokenizer);

// The tokens that the answer may have. RequestError(400, context_length_exceeded) when they do not fit.
uint64_t resolve_max_tokens(std::optional<uint64_t> wished, const ChatRequest& request,
                            uint64_t prompt_tokens, uint64_t context_limit);

}  // namespace hadal
