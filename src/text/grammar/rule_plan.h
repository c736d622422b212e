// What becomes of each rule before automata are made: which match anything, which match the empty string,
// which are small enough to stand in their callers' place.
#pragma once

#include "text/grammar/dfa.h"

namespace hadal::grammar {

// The first `external` rules are automata already: they are called, and are not nullable.
std::vector<RulePlan> plan_rules(const Exprs& exprs, RuleId root, size_t external);

}  // namespace hadal::grammar
