// Dfa: a deterministic automaton over bytes and calls of rules, and what makes one from expressions.
//
// From every state the end can be reached (as far as the automaton itself knows), so a prefix that is alive
// is a prefix of something. Without calls it is a plain regular set, and sets can be intersected and
// subtracted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "text/grammar/expr.h"

namespace hadal::grammar {

struct Dfa {
  static constexpr uint32_t kDead = UINT32_MAX;

  struct Edge {
    uint8_t low, high;
    uint32_t to;
  };
  struct Call {
    RuleId rule;
    uint32_t to;
  };
  struct State {
    uint32_t edges_end = 0, calls_end = 0;  // they begin where those of the state before end
    bool final = false;
    bool space = false;  // blanks may go on here, see Exprs::space()
  };
  struct Edges {
    const Edge *first, *last;
    const Edge* begin() const { return first; }
    const Edge* end() const { return last; }
  };

  std::vector<State> states;  // the first is the start; empty: the empty set
  std::vector<Edge> edges;    // of a state: ascending, disjoint
  std::vector<Call> calls;

  bool accepts_something() const { return !states.empty(); }
  Edges edges_of(uint32_t state) const {
    return {edges.data() + (state == 0 ? 0 : states[state - 1].edges_end),
            edges.data() + states[state].edges_end};
  }
  uint32_t calls_begin(uint32_t state) const { return state == 0 ? 0 : states[state - 1].calls_end; }
  uint32_t step(uint32_t state, uint8_t byte) const;
  bool matches(std::string_view text) const;
};

// What a call of a rule means to the automaton that is made: nothing can match it, its body stands in its
// place, or it stays a call (beside the empty string, if that matches too).
struct RulePlan {
  enum class Use : uint8_t { kNever, kInline, kCall } use;
  bool nullable;
};

// The automaton of an expression. `plan` knows the rules; without it the expression calls none.
Dfa make_dfa(const Exprs& exprs, ExprId expr, const std::vector<RulePlan>* plan = nullptr);

// Of sets without calls.
Dfa intersection(const Dfa& a, const Dfa& b, Work& work);
Dfa difference(const Dfa& a, const Dfa& b, Work& work);

}  // namespace hadal::grammar
