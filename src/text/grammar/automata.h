// Automata: all rules of a grammar as tables, ready to be walked. One state space for all rules; a state
// reads bytes by a row of its rule's table, or calls rules, or both, or ends its rule.
//
// No rule is nullable where it is called (the callers have the empty string as another way) and no rule
// begins with itself, so that between two bytes calls only go down, in `order`. Immutable.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "text/grammar/expr.h"

namespace hadal::grammar {

using ByteSet = std::bitset<256>;

struct Automata {
  static constexpr uint32_t kDead = 0;
  static constexpr uint32_t kDone = 1;  // after the end of the outermost rule: nothing follows

  struct State {
    uint32_t row;    // of cells, one cell for each class of bytes
    uint32_t bytes;  // which table of classes
    uint32_t calls_begin, calls_end;
    bool final, space;
    bool goes_on;  // reads or calls something
    // How many characters of plain text (GrammarVocabulary) may follow, whatever they are.
    uint8_t plain_run;
    bool inside;  // no calls, and the rule does not end here
    RuleId rule;
  };
  struct Call {
    RuleId rule;
    uint32_t to;
  };
  struct RuleStart {
    uint32_t state = kDead;
    ByteSet first{};     // the bytes it can begin with
    uint32_t order = 0;  // a rule that begins with a call of another comes before that
    bool nullable = false;
  };

  std::vector<State> states;
  std::vector<uint32_t> cells;
  std::vector<std::array<uint8_t, 256>> classes;
  std::vector<Call> calls;
  std::vector<RuleStart> rules;
  RuleId root = 0;

  bool is_inside(uint32_t state) const { return states[state].inside; }
  bool calls_something(uint32_t state) const { return states[state].calls_begin != states[state].calls_end; }
  uint32_t step(uint32_t state, uint8_t byte) const {
    const State& s = states[state];
    return cells[s.row + classes[s.bytes][byte]];
  }
};

// A run of this many characters or more counts as endless: no token is that long.
inline constexpr uint8_t kEndlessRun = 255;

// The automata of `root` and of all that it calls. `base`: automata whose rules are the first rules of
// `exprs` and keep their states and numbers; null for none. Error(kUsage) for rules that are missing, begin
// with themselves or together need too many states, and for a root that nothing matches.
Automata link(const Exprs& exprs, RuleId root, const Automata* base);

}  // namespace hadal::grammar
