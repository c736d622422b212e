#include "text/grammar/rule_plan.h"

#include <algorithm>

namespace hadal::grammar {
namespace {

// A rule whose automaton needs about this many states or fewer is copied into its callers.
constexpr uint64_t kInlineSize = 160;

struct Facts {
  bool possible = false;  // matches something
  bool nullable = false;
};

class Planner {
 public:
  Planner(const Exprs& exprs, RuleId root, size_t external)
      : exprs_(exprs), root_(root), external_(external), rules_(exprs.rules().size()) {
    uint32_t last = 0;
    for (const Rule& rule : exprs.rules()) {
      if (rule.defined) last = std::max(last, rule.body);
    }
    count_ = last + 1;
    facts_.resize(count_);
    sizes_.resize(count_);
  }

  std::vector<RulePlan> run() {
    for (size_t i = 0; i < external_; ++i) rules_[i] = {true, false};
    while (improve()) {
    }
    choose_inlined();
    std::vector<RulePlan> plans;
    for (size_t i = 0; i < rules_.size(); ++i) {
      const auto use = !rules_[i].possible ? RulePlan::Use::kNever
                       : inlined_[i]       ? RulePlan::Use::kInline
                                           : RulePlan::Use::kCall;
      plans.push_back({use, rules_[i].nullable});
    }
    return plans;
  }

 private:
  // The parts of an expression are older than the expression: one pass in order sees them all.
  bool improve() {
    exprs_.work().spend(count_);
    for (ExprId id = 0; id < count_; ++id) facts_[id] = facts_of(exprs_[id]);
    bool changed = false;
    for (size_t i = external_; i < rules_.size(); ++i) {
      const Rule& rule = exprs_.rules()[i];
      if (!rule.defined) continue;
      const Facts& now = facts_[rule.body];
      changed |= now.possible != rules_[i].possible || now.nullable != rules_[i].nullable;
      rules_[i] = now;
    }
    return changed;
  }

  Facts facts_of(const Expr& expr) const {
    switch (expr.kind) {
      case ExprKind::kNothing:
        return {};
      case ExprKind::kEmpty:
      case ExprKind::kSpace:
        return {true, true};
      case ExprKind::kBytes:
      case ExprKind::kCharacters:
        return {true, false};
      case ExprKind::kSequence: {
        Facts all{true, true};
        for (const ExprId part : expr.parts) {
          all.possible &= facts_[part].possible;
          all.nullable &= facts_[part].nullable;
        }
        return all;
      }
      case ExprKind::kChoice: {
        Facts any;
        for (const ExprId part : expr.parts) {
          any.possible |= facts_[part].possible;
          any.nullable |= facts_[part].nullable;
        }
        return any;
      }
      case ExprKind::kRepeat: {
        const Facts& part = facts_[expr.parts[0]];
        return {part.possible || expr.min == 0, part.nullable || expr.min == 0};
      }
      case ExprKind::kRule:
        return rules_[expr.min];
      case ExprKind::kAutomaton:
        return {true, exprs_.dfa(expr.min).states[0].final};
    }
    return {};
  }

  // Rules are taken up once all rules that they use are; those on a cycle, or above one, never are.
  void choose_inlined() {
    inlined_.assign(rules_.size(), false);
    std::vector<bool> known(rules_.size());
    for (size_t i = 0; i < external_; ++i) known[i] = true;
    bool changed = true;
    while (changed) {
      changed = false;
      exprs_.work().spend(count_);
      for (ExprId id = 0; id < count_; ++id) sizes_[id] = size_of(exprs_[id], known);
      for (size_t i = external_; i < rules_.size(); ++i) {
        const Rule& rule = exprs_.rules()[i];
        if (known[i] || !rule.defined || sizes_[rule.body] == kUnknown) continue;
        known[i] = changed = true;
        inlined_[i] = !rule.shared && i != root_ && sizes_[rule.body] <= kInlineSize;
      }
    }
  }

  static constexpr uint64_t kUnknown = uint64_t{1} << 40;

  uint64_t size_of(const Expr& expr, const std::vector<bool>& known) const {
    uint64_t size = 1;
    switch (expr.kind) {
      case ExprKind::kNothing:
      case ExprKind::kEmpty:
      case ExprKind::kSpace:
        break;
      case ExprKind::kBytes:
        size = expr.bytes.size();
        break;
      case ExprKind::kCharacters:
        size = 1 + expr.characters.size();
        break;
      case ExprKind::kSequence:
      case ExprKind::kChoice:
        for (const ExprId part : expr.parts) size += sizes_[part];
        break;
      case ExprKind::kRepeat: {
        const uint64_t times = expr.max == Expr::kUnbounded ? expr.min + 1u : expr.max;
        const uint64_t part = sizes_[expr.parts[0]];
        size = part == kUnknown ? kUnknown : 1 + part * times;
        break;
      }
      case ExprKind::kRule:
        if (!known[expr.min]) return kUnknown;
        if (inlined_[expr.min]) size = sizes_[exprs_.rules()[expr.min].body];
        break;
      case ExprKind::kAutomaton:
        size = exprs_.dfa(expr.min).states.size();
        break;
    }
    return std::min(size, kUnknown);
  }

  const Exprs& exprs_;
  RuleId root_;
  size_t external_;
  std::vector<Facts> rules_;
  ExprId count_ = 0;
  std::vector<Facts> facts_;
  std::vector<uint64_t> sizes_;
  std::vector<bool> inlined_;
};

}  // namespace

std::vector<RulePlan> plan_rules(const Exprs& exprs, RuleId root, size_t external) {
  return Planner(exprs, root, external).run();
}

}  // namespace hadal::grammar
