// /apply-template: what would be done with a request, for people and tests to look at.
#pragma once

#include "base/json.h"
#include "server/prompt_plan.h"

namespace hadal {

Json describe_plan(const ChatRequest& request, const PromptPlan& plan, const RequestPolicy& policy);

}  // namespace hadal
