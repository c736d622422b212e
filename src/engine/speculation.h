// Whether to draft the next step: always, never, or while it pays. Timing decides speed here and never a
// token.
//
// `automatic` measures plain and drafted steps in turn (a trial), then stays with the faster kind for a
// while: 64 steps when drafting wins; after each trial it loses, twice as many as before, up to 1024. While
// drafting, a falling share of accepted drafts ends it at once.
#pragma once

#include <cstdint>
#include <vector>

namespace hadal {

enum class Speculation { kAuto, kOn, kOff };

class SpeculationGovernor {
 public:
  explicit SpeculationGovernor(Speculation mode) : mode_(mode) {}

  bool wants_drafts() const;
  // After each step: whether it had drafts, the tokens it gave, and how long it took.
  void record(bool drafted, int64_t tokens, double seconds);
  // Tokens per second with drafts over without, by the last trial; 0 = not measured.
  double speedup() const;

 private:
  void finish_trial();
  void settle(bool drafting);

  Speculation mode_;
  bool trial_ = true;
  bool drafting_ = false;
  int64_t steps_left_ = 0;    // until the next trial
  int64_t pause_steps_ = 64;  // how long the next loss lasts
  std::vector<double> plain_seconds_;
  std::vector<double> drafted_seconds_;
  double plain_cost_ = 0;  // medians of the last trial
  double drafted_cost_ = 0;
  int64_t yield_count_ = 0;
  double yield_ = 1;  // tokens of a drafted step, a running mean
};

}  // namespace hadal
