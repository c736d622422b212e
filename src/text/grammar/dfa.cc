#include "text/grammar/dfa.h"

#include <algorithm>
#include <unordered_map>

#include "text/grammar/nfa.h"

namespace hadal::grammar {
namespace {

// Keeps the states from which the end can be reached, in their order; everything gone if the start is not.
Dfa trimmed(const Dfa& dfa) {
  const auto count = static_cast<uint32_t>(dfa.states.size());
  std::vector<std::pair<uint32_t, uint32_t>> back;  // (to, from)
  for (uint32_t i = 0; i < count; ++i) {
    for (const Dfa::Edge& edge : dfa.edges_of(i)) back.emplace_back(edge.to, i);
    for (uint32_t c = dfa.calls_begin(i); c < dfa.states[i].calls_end; ++c)
      back.emplace_back(dfa.calls[c].to, i);
  }
  std::sort(back.begin(), back.end());
  std::vector<bool> alive(count);
  std::vector<uint32_t> open;
  for (uint32_t i = 0; i < count; ++i) {
    if (dfa.states[i].final) open.push_back(i);
  }
  for (const uint32_t state : open) alive[state] = true;
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    for (auto at = std::lower_bound(back.begin(), back.end(), std::pair(state, 0u));
         at != back.end() && at->first == state; ++at) {
      if (!alive[at->second]) open.push_back(at->second);
      alive[at->second] = true;
    }
  }
  Dfa kept;
  if (count == 0 || !alive[0]) return kept;
  std::vector<uint32_t> number(count);
  for (uint32_t i = 0, next = 0; i < count; ++i) number[i] = alive[i] ? next++ : 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (!alive[i]) continue;
    for (const Dfa::Edge& edge : dfa.edges_of(i)) {
      if (alive[edge.to]) kept.edges.push_back({edge.low, edge.high, number[edge.to]});
    }
    for (uint32_t c = dfa.calls_begin(i); c < dfa.states[i].calls_end; ++c) {
      if (alive[dfa.calls[c].to]) kept.calls.push_back({dfa.calls[c].rule, number[dfa.calls[c].to]});
    }
    Dfa::State state = dfa.states[i];
    state.edges_end = static_cast<uint32_t>(kept.edges.size());
    state.calls_end = static_cast<uint32_t>(kept.calls.size());
    kept.states.push_back(state);
  }
  return kept;
}

struct SetHash {
  size_t operator()(const std::vector<uint32_t>& set) const {
    uint64_t hash = set.size();
    for (const uint32_t value : set) hash = (hash ^ value) * 0x9E3779B97F4A7C15u + (hash >> 29);
    return hash;
  }
};

// The subset construction. A set holds the states that read something or end, and nothing else.
class Subsets {
 public:
  Subsets(const Nfa& nfa, Work& work) : nfa_(nfa), work_(work), mark_(nfa.states().size()) {}

  Dfa run(uint32_t start) {
    number_of(closure({start}));
    for (uint32_t i = 0; i < sets_.size(); ++i) expand(i);
    return trimmed(dfa_);
  }

 private:
  // What is reached without reading, reduced to the states that matter.
  std::vector<uint32_t> closure(std::vector<uint32_t> open) {
    ++round_;
    std::vector<uint32_t> set;
    for (const uint32_t state : open) mark_[state] = round_;
    while (!open.empty()) {
      const uint32_t state = open.back();
      open.pop_back();
      bool matters = state == Nfa::kFinal || nfa_.states()[state].space;
      for (uint32_t e = nfa_.states()[state].first_edge; e != Nfa::kNoEdge; e = nfa_.edges()[e].next) {
        work_.spend(1);
        const Nfa::Edge& edge = nfa_.edges()[e];
        if (edge.label != Nfa::Label::kNone) {
          matters = true;
        } else if (mark_[edge.to] != round_) {
          mark_[edge.to] = round_;
          open.push_back(edge.to);
        }
      }
      if (matters) set.push_back(state);
    }
    std::sort(set.begin(), set.end());
    return set;
  }

  uint32_t number_of(std::vector<uint32_t> set) {
    work_.spend(2 + set.size() / 4);
    const auto [found, is_new] = numbers_.try_emplace(std::move(set), static_cast<uint32_t>(sets_.size()));
    if (is_new) {
      if (sets_.size() >= kMaxStates) {
        fail(ErrorCode::kUsage, "the grammar needs more than {} states; make it smaller", kMaxStates);
      }
      sets_.push_back(&found->first);
    }
    return found->second;
  }

  void expand(uint32_t number) {
    bytes_.clear();
    calls_.clear();
    Dfa::State state;
    for (const uint32_t member : *sets_[number]) {
      state.final |= member == Nfa::kFinal;
      state.space |= nfa_.states()[member].space;
      for (uint32_t e = nfa_.states()[member].first_edge; e != Nfa::kNoEdge; e = nfa_.edges()[e].next) {
        const Nfa::Edge& edge = nfa_.edges()[e];
        if (edge.label == Nfa::Label::kBytes) bytes_.push_back(&edge);
        if (edge.label == Nfa::Label::kCall) calls_.emplace_back(edge.rule, edge.to);
      }
    }
    expand_bytes();
    expand_calls();
    state.edges_end = static_cast<uint32_t>(dfa_.edges.size());
    state.calls_end = static_cast<uint32_t>(dfa_.calls.size());
    dfa_.states.push_back(state);
  }

  // Between two neighbouring bounds of ranges all bytes lead to the same set.
  void expand_bytes() {
    const size_t first = dfa_.edges.size();
    std::vector<uint32_t> bounds;
    for (const Nfa::Edge* edge : bytes_) {
      bounds.push_back(edge->low);
      bounds.push_back(edge->high + 1u);
    }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    std::sort(bytes_.begin(), bytes_.end(),
              [](const Nfa::Edge* a, const Nfa::Edge* b) { return a->low < b->low; });
    for (size_t i = 0; i + 1 < bounds.size(); ++i) {
      std::vector<uint32_t> targets;
      for (const Nfa::Edge* edge : bytes_) {
        if (edge->low > bounds[i]) break;
        if (edge->high >= bounds[i]) targets.push_back(edge->to);
      }
      work_.spend(bytes_.size() / 4 + 1);
      if (targets.empty()) continue;
      std::vector<uint32_t> set = closure(std::move(targets));
      if (set.empty()) continue;
      const uint32_t to = number_of(std::move(set));
      const auto low = static_cast<uint8_t>(bounds[i]);
      const auto high = static_cast<uint8_t>(bounds[i + 1] - 1);
      if (dfa_.edges.size() > first && dfa_.edges.back().to == to && dfa_.edges.back().high + 1 == low) {
        dfa_.edges.back().high = high;
      } else {
        dfa_.edges.push_back({low, high, to});
      }
    }
  }

  void expand_calls() {
    std::sort(calls_.begin(), calls_.end());
    for (size_t i = 0; i < calls_.size();) {
      const RuleId rule = calls_[i].first;
      std::vector<uint32_t> targets;
      for (; i < calls_.size() && calls_[i].first == rule; ++i) {
        if (targets.empty() || targets.back() != calls_[i].second) targets.push_back(calls_[i].second);
      }
      std::vector<uint32_t> set = closure(std::move(targets));
      if (!set.empty()) dfa_.calls.push_back({rule, number_of(std::move(set))});
    }
  }

  const Nfa& nfa_;
  Work& work_;
  Dfa dfa_;
  std::unordered_map<std::vector<uint32_t>, uint32_t, SetHash> numbers_;
  std::vector<const std::vector<uint32_t>*> sets_;
  std::vector<uint32_t> mark_;
  uint32_t round_ = 0;
  std::vector<const Nfa::Edge*> bytes_;
  std::vector<std::pair<RuleId, uint32_t>> calls_;
};

// Pairs of states, b's kDead once b has no way on; `ends` says which pairs are final.
Dfa product(const Dfa& a, const Dfa& b, bool b_may_die, Work& work, bool (*ends)(bool a, bool b)) {
  Dfa dfa;
  if (!a.accepts_something()) return dfa;
  std::unordered_map<uint64_t, uint32_t> numbers;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  const auto number_of = [&](uint32_t in_a, uint32_t in_b) {
    const auto [found, is_new] =
        numbers.try_emplace(uint64_t{in_a} << 32 | in_b, static_cast<uint32_t>(pairs.size()));
    if (is_new) pairs.emplace_back(in_a, in_b);
    if (pairs.size() > kMaxStates)
      fail(ErrorCode::kUsage, "the grammar needs more than {} states", kMaxStates);
    return found->second;
  };
  number_of(0, b.accepts_something() ? 0 : Dfa::kDead);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [in_a, in_b] = pairs[i];
    for (const Dfa::Edge& edge : a.edges_of(in_a)) {
      for (uint32_t low = edge.low; low <= edge.high;) {
        // The longest run of bytes that b treats alike.
        uint32_t high = edge.high;
        uint32_t to = Dfa::kDead;
        if (in_b != Dfa::kDead) {
          for (const Dfa::Edge& other : b.edges_of(in_b)) {
            if (other.high < low) continue;
            if (other.low > low) {
              high = std::min<uint32_t>(high, other.low - 1u);
            } else {
              high = std::min<uint32_t>(high, other.high);
              to = other.to;
            }
            break;
          }
        }
        work.spend(8);
        if (to != Dfa::kDead || b_may_die) {
          const uint32_t target = number_of(edge.to, to);
          dfa.edges.push_back({static_cast<uint8_t>(low), static_cast<uint8_t>(high), target});
        }
        low = high + 1;
      }
    }
    Dfa::State state;
    state.final = ends(a.states[in_a].final, in_b != Dfa::kDead && b.states[in_b].final);
    state.edges_end = static_cast<uint32_t>(dfa.edges.size());
    dfa.states.push_back(state);
  }
  return trimmed(dfa);
}

}  // namespace

uint32_t Dfa::step(uint32_t state, uint8_t byte) const {
  for (const Edge& edge : edges_of(state)) {
    if (byte <= edge.high) return byte >= edge.low ? edge.to : kDead;
  }
  return kDead;
}

bool Dfa::matches(std::string_view text) const {
  if (states.empty()) return false;
  uint32_t state = 0;
  for (const char c : text) {
    state = step(state, static_cast<uint8_t>(c));
    if (state == kDead) return false;
  }
  return states[state].final;
}

Dfa make_dfa(const Exprs& exprs, ExprId expr, const std::vector<RulePlan>* plan) {
  Nfa nfa(exprs, plan);
  const uint32_t start = nfa.build(expr, Nfa::kFinal);
  return Subsets(nfa, exprs.work()).run(start);
}

Dfa intersection(const Dfa& a, const Dfa& b, Work& work) {
  return product(a, b, false, work, [](bool in_a, bool in_b) { return in_a && in_b; });
}

Dfa difference(const Dfa& a, const Dfa& b, Work& work) {
  return product(a, b, true, work, [](bool in_a, bool in_b) { return in_a && !in_b; });
}

}  // namespace hadal::grammar
