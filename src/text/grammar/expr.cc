#include "text/grammar/expr.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/check.h"
#include "text/grammar/dfa.h"

namespace hadal::grammar {
namespace {

// Longer runs than this are cut into rules of this length or of about the square root.
constexpr uint32_t kInlineRun = 256;
constexpr uint32_t kLongestRun = 1'000'000;

void append_number(std::string& key, uint32_t number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// What tells an expression from all others.
void make_key(const Expr& expr, std::string& key) {
  key.assign(1, static_cast<char>(expr.kind));
  append_number(key, expr.min);
  append_number(key, expr.max);
  for (const ExprId part : expr.parts) append_number(key, part);
  for (const CodePoints& range : expr.characters) {
    append_number(key, range.low);
    append_number(key, range.high);
  }
  key += expr.bytes;
}

}  // namespace

std::vector<CodePoints> normalised(std::vector<CodePoints> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](CodePoints a, CodePoints b) { return a.low < b.low; });
  std::vector<CodePoints> merged;
  for (const CodePoints& range : ranges) {
    if (!merged.empty() && range.low <= merged.back().high + 1) {
      merged.back().high = std::max(merged.back().high, range.high);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::vector<CodePoints> complement(std::vector<CodePoints> ranges) {
  std::vector<CodePoints> rest;
  uint32_t next = 0;
  for (const CodePoints& range : normalised(std::move(ranges))) {
    if (range.low > next) rest.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLastCodePoint) rest.push_back({next, kLastCodePoint});
  return rest;
}

std::string token_bytes(int32_t id) {
  const auto value = static_cast<uint32_t>(id);
  std::string bytes(1, static_cast<char>(kTokenLead));
  for (const uint32_t shift : {18u, 12u, 6u, 0u}) bytes += static_cast<char>(0x80 | (value >> shift & 0x3F));
  return bytes;
}

Exprs::Exprs(Work& work) : work_(&work) {
  add({.kind = ExprKind::kNothing, .bytes = {}});
  add({.kind = ExprKind::kEmpty, .bytes = {}});
}

ExprId Exprs::add(Expr expr) {
  make_key(expr, key_);
  work_->spend(4 + key_.size() / 8);
  const auto [found, is_new] = known_.try_emplace(key_, static_cast<ExprId>(exprs_.size()));
  if (is_new) exprs_.push_back(std::move(expr));
  return found->second;
}

ExprId Exprs::bytes(std::string_view text) {
  if (text.empty()) return kEmpty;
  return add({.kind = ExprKind::kBytes, .bytes = std::string(text)});
}

ExprId Exprs::characters(std::vector<CodePoints> ranges) {
  ranges = normalised(std::move(ranges));
  if (ranges.empty()) return kNothing;
  return add({.kind = ExprKind::kCharacters, .bytes = {}, .characters = std::move(ranges)});
}

ExprId Exprs::sequence(const std::vector<ExprId>& parts) {
  std::vector<ExprId> flat;
  for (const ExprId part : parts) {
    if (part == kNothing) return kNothing;
    if (part == kEmpty) continue;
    const Expr& expr = exprs_[part];
    if (expr.kind == ExprKind::kSequence && expr.parts.size() < 8) {
      flat.insert(flat.end(), expr.parts.begin(), expr.parts.end());
    } else {
      flat.push_back(part);
    }
  }
  if (flat.empty()) return kEmpty;
  if (flat.size() == 1) return flat[0];
  return add({.kind = ExprKind::kSequence, .bytes = {}, .parts = std::move(flat)});
}

ExprId Exprs::choice(const std::vector<ExprId>& parts) {
  std::vector<ExprId> flat;
  std::unordered_set<ExprId> seen{kNothing};
  for (const ExprId part : parts) {
    if (seen.insert(part).second) flat.push_back(part);
  }
  if (flat.empty()) return kNothing;
  if (flat.size() == 1) return flat[0];
  return add({.kind = ExprKind::kChoice, .bytes = {}, .parts = std::move(flat)});
}

ExprId Exprs::repeat(ExprId part, uint32_t min, uint32_t max) {
  CHECK(min <= max);
  if (max == 0 || part == kEmpty) return kEmpty;
  if (part == kNothing) return min == 0 ? kEmpty : kNothing;
  if (min == 1 && max == 1) return part;
  return add({.kind = ExprKind::kRepeat, .bytes = {}, .parts = {part}, .min = min, .max = max});
}

ExprId Exprs::space() { return add({.kind = ExprKind::kSpace, .bytes = {}}); }

ExprId Exprs::counted(ExprId part, uint32_t min, uint32_t max) {
  const uint32_t optional_run = max == Expr::kUnbounded ? 0 : max - min;
  if (min <= kInlineRun && optional_run <= kInlineRun) return repeat(part, min, max);
  const uint32_t longest = std::max(min, optional_run);
  if (longest > kLongestRun) {
    fail(ErrorCode::kUsage, "a repetition of {} times is too long, at most {} can be counted", longest,
         kLongestRun);
  }
  const auto root = static_cast<uint32_t>(std::ceil(std::sqrt(static_cast<double>(longest))));
  const uint32_t stride = std::max(root, kInlineRun);
  const RuleId run = add_rule(fmt::format("run of {}", stride), true);
  set_rule(run, repeat(part, stride, stride));
  // From the end: what may follow when `i` whole runs have passed.
  ExprId rest = max == Expr::kUnbounded ? star(part) : repeat(part, 0, optional_run % stride);
  if (max != Expr::kUnbounded) {
    const ExprId partial = repeat(part, 0, stride - 1);
    for (uint32_t i = optional_run / stride; i-- > 0;) rest = choice({partial, sequence({rule(run), rest})});
  }
  return sequence(
      {repeat(rule(run), min / stride, min / stride), repeat(part, min % stride, min % stride), rest});
}

ExprId Exprs::automaton(std::shared_ptr<const Dfa> dfa, bool escaped) {
  if (!dfa->accepts_something()) return kNothing;
  dfas_.push_back(std::move(dfa));
  return add({.kind = ExprKind::kAutomaton,
              .bytes = {},
              .min = static_cast<uint32_t>(dfas_.size() - 1),
              .max = escaped ? 1u : 0u});
}

RuleId Exprs::add_rule(std::string name, bool shared) {
  if (rules_.size() >= kMaxRules) fail(ErrorCode::kUsage, "the grammar has more than {} rules", kMaxRules);
  rules_.push_back({std::move(name), kNothing, false, shared});
  return static_cast<RuleId>(rules_.size() - 1);
}

void Exprs::set_rule(RuleId rule, ExprId body) {
  rules_[rule].body = body;
  rules_[rule].defined = true;
}

ExprId Exprs::rule(RuleId rule) { return add({.kind = ExprKind::kRule, .bytes = {}, .min = rule}); }

}  // namespace hadal::grammar
