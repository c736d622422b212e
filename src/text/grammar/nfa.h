// Nfa: the step between expressions and automata. It is built backwards, from what follows an expression to
// the state where the expression begins, and remembers what it has built: parts that are shared stay shared,
// so its size is that of the expression as a graph, not as a tree.
#pragma once

#include <unordered_map>
#include <vector>

#include "text/grammar/dfa.h"

namespace hadal::grammar {

class Nfa {
 public:
  enum class Label : uint8_t { kNone, kBytes, kCall };
  struct Edge {
    Label label;
    uint8_t low, high;  // kBytes
    RuleId rule;        // kCall
    uint32_t to;
    uint32_t next;  // another edge of the state, or kNoEdge
  };
  struct State {
    uint32_t first_edge;
    bool space;
  };
  static constexpr uint32_t kNoEdge = UINT32_MAX;
  static constexpr uint32_t kFinal = 0;

  Nfa(const Exprs& exprs, const std::vector<RulePlan>* plan);

  // The state from which exactly `expr`, then what `next` stands for, is read.
  uint32_t build(ExprId expr, uint32_t next);

  const std::vector<State>& states() const { return states_; }
  const std::vector<Edge>& edges() const { return edges_; }

 private:
  uint32_t add_state();
  void add_edge(uint32_t from, Label label, uint8_t low, uint8_t high, RuleId rule, uint32_t to);
  void add_empty(uint32_t from, uint32_t to) { add_edge(from, Label::kNone, 0, 0, 0, to); }
  // A state with this one edge; the same for the same edge.
  uint32_t one_edge(uint8_t low, uint8_t high, uint32_t to);

  uint32_t build_new(const Expr& expr, uint32_t next);
  uint32_t build_bytes(std::string_view bytes, uint32_t next);
  uint32_t build_characters(const Expr& expr, uint32_t next);
  uint32_t build_repeat(const Expr& expr, uint32_t next);
  uint32_t build_rule(RuleId rule, uint32_t next);
  uint32_t build_automaton(const Expr& expr, uint32_t next);
  uint32_t build_space(uint32_t next);

  const Exprs* exprs_;
  const std::vector<RulePlan>* plan_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::unordered_map<uint64_t, uint32_t> built_;  // by expression and next state
  std::unordered_map<uint64_t, uint32_t> single_;
  uint32_t depth_ = 0;
};

// Between the quotes of a JSON string: the escape sequence of a byte that cannot stand for itself, or "".
std::string json_escape(uint8_t byte);

}  // namespace hadal::grammar
