#include "text/grammar/plain_run.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/grammar/automata.h"

namespace hadal::grammar {
namespace {

bool is_plain(uint32_t c) { return c >= 0x20 && c != '"' && c != '\\' && c != 0x7F; }

struct Range {
  uint8_t low, high;
};
constexpr Range kTail{0x80, 0xBF};

// Every plain character is one of these sequences, every one of these is plain.
constexpr std::initializer_list<std::initializer_list<Range>> kPlain = {
    {{0x20, 0x21}},
    {{0x23, 0x5B}},
    {{0x5D, 0x7E}},
    {{0xC2, 0xDF}, kTail},
    {{0xE0, 0xE0}, {0xA0, 0xBF}, kTail},
    {{0xE1, 0xEC}, kTail, kTail},
    {{0xED, 0xED}, {0x80, 0x9F}, kTail},
    {{0xEE, 0xEF}, kTail, kTail},
    {{0xF0, 0xF0}, {0x90, 0xBF}, kTail, kTail},
    {{0xF1, 0xF3}, kTail, kTail, kTail},
    {{0xF4, 0xF4}, {0x80, 0x8F}, kTail, kTail},
};

// The states after any bytes of `range` from any of `from`; false if some byte has no way on.
bool advance(const Dfa& dfa, const std::vector<uint32_t>& from, Range range, std::vector<uint32_t>& to) {
  to.clear();
  for (const uint32_t state : from) {
    uint32_t next = range.low;
    for (const Dfa::Edge& edge : dfa.edges_of(state)) {
      if (edge.high < next) continue;
      if (edge.low > next) return false;
      if (std::find(to.begin(), to.end(), edge.to) == to.end()) to.push_back(edge.to);
      next = edge.high + 1u;
      if (next > range.high) break;
    }
    if (next <= range.high) return false;
  }
  return true;
}

// Where one plain character leads from `state`; false if some plain character cannot be read.
bool targets_of(const Dfa& dfa, uint32_t state, std::vector<uint32_t>& targets) {
  targets.clear();
  std::vector<uint32_t> now;
  std::vector<uint32_t> then;
  for (const auto& sequence : kPlain) {
    now.assign(1, state);
    for (const Range& range : sequence) {
      if (!advance(dfa, now, range, then)) return false;
      now.swap(then);
    }
    targets.insert(targets.end(), now.begin(), now.end());
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return true;
}

}  // namespace

int plain_length(std::string_view text) {
  int length = 0;
  for (const char* p = text.data(); p < text.data() + text.size(); ++length) {
    const Utf8Char c = next_utf8(p, text.data() + text.size());
    if (c.status != Utf8Status::kValid || !is_plain(c.code_point)) return -1;
    p += c.size;
  }
  return length;
}

std::vector<uint8_t> plain_runs(const Dfa& dfa, Work& work) {
  // Backwards from the states where something plain cannot be read: the nearest of them ends the run.
  const auto count = static_cast<uint32_t>(dfa.states.size());
  std::vector<uint8_t> runs(count, kEndlessRun);
  std::vector<std::pair<uint32_t, uint32_t>> back;  // (to, from)
  std::vector<uint32_t> open;
  std::vector<uint32_t> targets;
  for (uint32_t i = 0; i < count; ++i) {
    work.spend(4);
    if (targets_of(dfa, i, targets)) {
      work.spend(32);
      for (const uint32_t to : targets) back.emplace_back(to, i);
    } else {
      runs[i] = 0;
      open.push_back(i);
    }
  }
  std::sort(back.begin(), back.end());
  for (size_t at = 0; at < open.size(); ++at) {
    const uint32_t state = open[at];
    if (runs[state] + 1 >= kEndlessRun) continue;
    for (auto edge = std::lower_bound(back.begin(), back.end(), std::pair(state, 0u));
         edge != back.end() && edge->first == state; ++edge) {
      if (runs[edge->second] != kEndlessRun) continue;
      runs[edge->second] = static_cast<uint8_t>(runs[state] + 1);
      open.push_back(edge->second);
    }
  }
  return runs;
}

}  // namespace hadal::grammar
