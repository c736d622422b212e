#include "text/grammar/automata.h"

#include <algorithm>

#include "text/grammar/dfa.h"
#include "text/grammar/plain_run.h"
#include "text/grammar/rule_plan.h"

namespace hadal::grammar {
namespace {

class Linker {
 public:
  Linker(const Exprs& exprs, RuleId root, const Automata* base)
      : exprs_(exprs), external_(base == nullptr ? 0 : base->rules.size()) {
    if (base != nullptr) {
      out_ = *base;
    } else {
      out_.classes.emplace_back().fill(0);
      out_.cells.push_back(Automata::kDead);
      const Automata::State none{};
      out_.states.assign(2, none);
      out_.states[Automata::kDone].final = true;
    }
    out_.root = root;
  }

  Automata run() {
    for (const Rule& rule : exprs_.rules()) {
      if (!rule.defined && &rule - exprs_.rules().data() >= static_cast<ptrdiff_t>(external_)) {
        fail(ErrorCode::kUsage, "the rule {} is used but not defined", rule.name);
      }
    }
    plans_ = plan_rules(exprs_, out_.root, external_);
    if (plans_[out_.root].use == RulePlan::Use::kNever) {
      fail(ErrorCode::kUsage, "nothing can match {}", exprs_.rules()[out_.root].name);
    }
    out_.rules.resize(exprs_.rules().size());
    made_.assign(exprs_.rules().size(), false);
    std::fill_n(made_.begin(), external_, true);
    if (out_.root >= external_) open_.push_back(out_.root);
    while (!open_.empty()) {
      const RuleId rule = open_.back();
      open_.pop_back();
      if (!made_[rule]) add_rule(rule);
    }
    order_rules();
    return std::move(out_);
  }

 private:
  void add_rule(RuleId rule) {
    made_[rule] = true;
    const Dfa dfa = make_dfa(exprs_, exprs_.rules()[rule].body, &plans_);
    // A plan takes every class for one that some byte begins; surrogates have no bytes.
    if (dfa.states.empty()) {
      fail(ErrorCode::kUsage, "nothing can match {}", exprs_.rules()[rule].name);
    }
    const auto first = static_cast<uint32_t>(out_.states.size());
    if (first + dfa.states.size() > kMaxStates) {
      fail(ErrorCode::kUsage, "the grammar needs more than {} states; make it smaller", kMaxStates);
    }
    out_.rules[rule].state = first;
    out_.rules[rule].nullable = plans_[rule].nullable;
    const uint32_t width = add_classes(dfa);
    const std::vector<uint8_t> runs = plain_runs(dfa, exprs_.work());
    if (out_.cells.size() + dfa.states.size() * width > kMaxCells) {
      fail(ErrorCode::kUsage, "the grammar's tables are too large; make it smaller");
    }
    const std::array<uint8_t, 256>& classes = out_.classes.back();
    for (uint32_t i = 0; i < dfa.states.size(); ++i) {
      Automata::State state{};
      state.row = static_cast<uint32_t>(out_.cells.size());
      state.bytes = static_cast<uint32_t>(out_.classes.size() - 1);
      state.final = dfa.states[i].final;
      state.space = dfa.states[i].space;
      state.plain_run = runs[i];
      state.rule = rule;
      out_.cells.resize(out_.cells.size() + width, Automata::kDead);
      for (const Dfa::Edge& edge : dfa.edges_of(i)) {
        for (uint32_t byte = edge.low; byte <= edge.high; ++byte) {
          out_.cells[state.row + classes[byte]] = first + edge.to;
        }
        state.goes_on = true;
      }
      state.calls_begin = static_cast<uint32_t>(out_.calls.size());
      for (uint32_t c = dfa.calls_begin(i); c < dfa.states[i].calls_end; ++c) {
        out_.calls.push_back({dfa.calls[c].rule, first + dfa.calls[c].to});
        open_.push_back(dfa.calls[c].rule);
        state.goes_on = true;
      }
      state.calls_end = static_cast<uint32_t>(out_.calls.size());
      state.inside = !state.final && state.calls_begin == state.calls_end;
      out_.states.push_back(state);
    }
    exprs_.work().spend(dfa.states.size() * width / 4);
  }

  // Bytes between two neighbouring bounds of edges are alike in the whole rule. The classes' number.
  uint32_t add_classes(const Dfa& dfa) {
    ByteSet bounds;
    for (const Dfa::Edge& edge : dfa.edges) {
      bounds.set(edge.low);
      if (edge.high < 255) bounds.set(edge.high + 1u);
    }
    std::array<uint8_t, 256>& classes = out_.classes.emplace_back();
    uint8_t number = 0;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && bounds[byte]) ++number;
      classes[byte] = number;
    }
    return number + 1u;
  }

  // By how deep calls at the very beginning of a rule go. A rule that is never settled begins with itself.
  void order_rules() {
    std::vector<RuleId> sorted;
    std::vector<uint32_t> waiting(out_.rules.size());
    std::vector<std::vector<RuleId>> callers(out_.rules.size());
    for (RuleId rule = 0; rule < out_.rules.size(); ++rule) {
      if (!made_[rule]) continue;
      const Automata::State& start = out_.states[out_.rules[rule].state];
      waiting[rule] = start.calls_end - start.calls_begin;
      for (uint32_t c = start.calls_begin; c < start.calls_end; ++c) {
        callers[out_.calls[c].rule].push_back(rule);
      }
      if (waiting[rule] == 0) sorted.push_back(rule);
    }
    for (size_t i = 0; i < sorted.size(); ++i) {
      settle(sorted[i], static_cast<uint32_t>(out_.rules.size() - i));
      for (const RuleId caller : callers[sorted[i]]) {
        if (--waiting[caller] == 0) sorted.push_back(caller);
      }
    }
    for (RuleId rule = 0; rule < out_.rules.size(); ++rule) {
      if (made_[rule] && waiting[rule] > 0) {
        fail(ErrorCode::kUsage, "{} begins with itself (left recursion); write the repetition with * or +",
             exprs_.rules()[rule].name);
      }
    }
  }

  void settle(RuleId rule, uint32_t order) {
    Automata::RuleStart& start = out_.rules[rule];
    start.order = order;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      if (out_.step(start.state, static_cast<uint8_t>(byte)) != Automata::kDead) start.first.set(byte);
    }
    const Automata::State& state = out_.states[start.state];
    for (uint32_t c = state.calls_begin; c < state.calls_end; ++c) {
      start.first |= out_.rules[out_.calls[c].rule].first;
    }
    exprs_.work().spend(16);
  }

  const Exprs& exprs_;
  size_t external_;
  std::vector<RulePlan> plans_;
  std::vector<bool> made_;
  std::vector<RuleId> open_;
  Automata out_;
};

}  // namespace

Automata link(const Exprs& exprs, RuleId root, const Automata* base) {
  return Linker(exprs, root, base).run();
}

}  // namespace hadal::grammar
