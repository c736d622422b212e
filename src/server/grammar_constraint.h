// What a request wants of its output -> a mask of tokens for the engine.
//
// json and regex hold for the answer; required calls for the whole block of them: its tags, the names of the
// tools, their parameters in the order of the schema, the required ones always. In thinking mode the
// constraint begins after
// </think>. Calls that are not required are not constrained.
#pragma once

#include <memory>
#include <optional>

#include "engine/constraint.h"
#include "server/chat_request.h"
#include "server/prompt_plan.h"
#include "text/grammar/grammar.h"

namespace hadal {

struct PlannedConstraint {
  std::shared_ptr<TokenConstraint> constraint;  // null: none
  std::optional<int32_t> after;
};

// RequestError(400) for schemas and patterns that are not supported or too large. `vocabulary` has a bit for
// every row of the model.
PlannedConstraint plan_constraint(const ChatRequest& request, const PromptPlan& plan,
                                  const Tokenizer& tokenizer, const CompiledGrammar::Vocabulary& vocabulary);

}  // namespace hadal
