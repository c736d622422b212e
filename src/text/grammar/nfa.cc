#include "text/grammar/nfa.h"

#include "base/check.h"
#include "text/grammar/utf8_ranges.h"

namespace hadal::grammar {

std::string json_escape(uint8_t byte) {
  switch (byte) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return byte < 0x20 ? fmt::format("\\u{:04x}", byte) : "";
  }
}

Nfa::Nfa(const Exprs& exprs, const std::vector<RulePlan>* plan) : exprs_(&exprs), plan_(plan) { add_state(); }

uint32_t Nfa::add_state() {
  exprs_->work().spend(2);
  states_.push_back({kNoEdge, false});
  return static_cast<uint32_t>(states_.size() - 1);
}

void Nfa::add_edge(uint32_t from, Label label, uint8_t low, uint8_t high, RuleId rule, uint32_t to) {
  exprs_->work().spend(1);
  edges_.push_back({label, low, high, rule, to, states_[from].first_edge});
  states_[from].first_edge = static_cast<uint32_t>(edges_.size() - 1);
}

uint32_t Nfa::one_edge(uint8_t low, uint8_t high, uint32_t to) {
  const uint64_t key = uint64_t{to} << 16 | uint64_t{low} << 8 | high;
  const auto [found, is_new] = single_.try_emplace(key, 0);
  if (is_new) {
    exprs_->work().spend(12);
    const uint32_t state = add_state();
    add_edge(state, Label::kBytes, low, high, 0, to);
    single_[key] = state;
    return state;
  }
  return found->second;
}

uint32_t Nfa::build(ExprId expr, uint32_t next) {
  const uint64_t key = uint64_t{expr} << 32 | next;
  if (const auto found = built_.find(key); found != built_.end()) return found->second;
  if (++depth_ > kMaxDepth)
    fail(ErrorCode::kUsage, "the grammar is nested too deeply (more than {})", kMaxDepth);
  exprs_->work().spend(12);
  const uint32_t state = build_new((*exprs_)[expr], next);
  --depth_;
  built_[key] = state;
  return state;
}

uint32_t Nfa::build_new(const Expr& expr, uint32_t next) {
  switch (expr.kind) {
    case ExprKind::kNothing:
      return add_state();
    case ExprKind::kEmpty:
      return next;
    case ExprKind::kBytes:
      return build_bytes(expr.bytes, next);
    case ExprKind::kCharacters:
      return build_characters(expr, next);
    case ExprKind::kSequence:
      for (size_t i = expr.parts.size(); i-- > 0;) next = build(expr.parts[i], next);
      return next;
    case ExprKind::kChoice: {
      const uint32_t state = add_state();
      for (const ExprId part : expr.parts) add_empty(state, build(part, next));
      return state;
    }
    case ExprKind::kRepeat:
      return build_repeat(expr, next);
    case ExprKind::kRule:
      return build_rule(expr.min, next);
    case ExprKind::kAutomaton:
      return build_automaton(expr, next);
    case ExprKind::kSpace:
      return build_space(next);
  }
  CHECK(false);
  return kFinal;
}

uint32_t Nfa::build_bytes(std::string_view bytes, uint32_t next) {
  for (size_t i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    next = one_edge(byte, byte, next);
  }
  return next;
}

uint32_t Nfa::build_characters(const Expr& expr, uint32_t next) {
  std::vector<Utf8Sequence> sequences;
  for (const CodePoints& range : expr.characters) append_utf8_sequences(range, sequences);
  exprs_->work().spend(sequences.size() * 4);
  const uint32_t state = add_state();
  for (const Utf8Sequence& sequence : sequences) {
    uint32_t to = next;
    for (size_t i = sequence.size; i-- > 1;) to = one_edge(sequence.bytes[i].low, sequence.bytes[i].high, to);
    add_edge(state, Label::kBytes, sequence.bytes[0].low, sequence.bytes[0].high, 0, to);
  }
  return state;
}

uint32_t Nfa::build_repeat(const Expr& expr, uint32_t next) {
  const ExprId part = expr.parts[0];
  uint32_t state = next;
  if (expr.max == Expr::kUnbounded) {
    state = add_state();
    add_empty(state, next);
    add_empty(state, build(part, state));
  } else {
    for (uint32_t i = expr.min; i < expr.max; ++i) {
      const uint32_t outer = add_state();
      add_empty(outer, next);
      add_empty(outer, build(part, state));
      state = outer;
    }
  }
  for (uint32_t i = 0; i < expr.min; ++i) state = build(part, state);
  return state;
}

uint32_t Nfa::build_rule(RuleId rule, uint32_t next) {
  CHECK(plan_ != nullptr);
  const RulePlan plan = (*plan_)[rule];
  switch (plan.use) {
    case RulePlan::Use::kNever:
      return add_state();
    case RulePlan::Use::kInline:
      return build(exprs_->rules()[rule].body, next);
    case RulePlan::Use::kCall:
      break;
  }
  const uint32_t state = add_state();
  add_edge(state, Label::kCall, 0, 0, rule, next);
  if (plan.nullable) add_empty(state, next);
  return state;
}

uint32_t Nfa::build_automaton(const Expr& expr, uint32_t next) {
  const Dfa& dfa = exprs_->dfa(expr.min);
  const bool escaped = expr.max != 0;
  const auto base = static_cast<uint32_t>(states_.size());
  for (size_t i = 0; i < dfa.states.size(); ++i) add_state();
  for (uint32_t i = 0; i < dfa.states.size(); ++i) {
    if (dfa.states[i].final) add_empty(base + i, next);
    for (const Dfa::Edge& edge : dfa.edges_of(i)) {
      // The bytes that stand for themselves, in runs; the others one by one.
      uint32_t low = edge.low;
      for (uint32_t byte = edge.low; byte <= edge.high; ++byte) {
        const std::string escape = escaped ? json_escape(static_cast<uint8_t>(byte)) : "";
        if (!escape.empty()) {
          if (low < byte) {
            add_edge(base + i, Label::kBytes, static_cast<uint8_t>(low), static_cast<uint8_t>(byte - 1), 0,
                     base + edge.to);
          }
          add_empty(base + i, build_bytes(escape, base + edge.to));
          low = byte + 1;
        }
      }
      if (low <= edge.high) {
        add_edge(base + i, Label::kBytes, static_cast<uint8_t>(low), edge.high, 0, base + edge.to);
      }
    }
  }
  return base;
}

uint32_t Nfa::build_space(uint32_t next) {
  const uint32_t state = add_state();
  states_[state].space = true;
  add_empty(state, next);
  add_edge(state, Label::kBytes, '\t', '\n', 0, state);
  add_edge(state, Label::kBytes, '\r', '\r', 0, state);
  add_edge(state, Label::kBytes, ' ', ' ', 0, state);
  return state;
}

}  // namespace hadal::grammar
