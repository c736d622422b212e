#include "engine/speculation.h"

#include <algorithm>
#include <cstddef>

namespace hadal {
namespace {

constexpr size_t kTrialSteps = 12;  // of each kind
constexpr int64_t kDraftingSteps = 64;
constexpr int64_t kLongestPause = 1024;
constexpr double kYieldMemory = 32;
// Drafting starts above the first and ends below the second, so that noise does not make it flap.
constexpr double kStartAbove = 1.03;
constexpr double kEndBelow = 0.98;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool SpeculationGovernor::wants_drafts() const {
  if (mode_ != Speculation::kAuto) return mode_ == Speculation::kOn;
  return trial_ ? drafted_seconds_.size() < plain_seconds_.size() : drafting_;
}

void SpeculationGovernor::record(bool drafted, int64_t tokens, double seconds) {
  if (mode_ != Speculation::kAuto) return;
  if (drafted) {
    ++yield_count_;
    yield_ +=
        (static_cast<double>(tokens) - yield_) / std::min(static_cast<double>(yield_count_), kYieldMemory);
  }
  if (trial_) {
    (drafted ? drafted_seconds_ : plain_seconds_).push_back(seconds);
    if (std::min(drafted_seconds_.size(), plain_seconds_.size()) >= kTrialSteps) finish_trial();
    return;
  }
  if (drafting_ && speedup() < kEndBelow) return settle(false);
  if (--steps_left_ > 0) return;
  trial_ = true;
  if (!drafting_) yield_count_ = 0;  // what was accepted long ago says little
}

double SpeculationGovernor::speedup() const {
  return drafted_cost_ > 0 ? yield_ * plain_cost_ / drafted_cost_ : 0;
}

void SpeculationGovernor::finish_trial() {
  plain_cost_ = median(plain_seconds_);
  drafted_cost_ = median(drafted_seconds_);
  plain_seconds_.clear();
  drafted_seconds_.clear();
  settle(speedup() > (drafting_ ? kEndBelow : kStartAbove));
}

void SpeculationGovernor::settle(bool drafting) {
  trial_ = false;
  drafting_ = drafting;
  steps_left_ = drafting ? kDraftingSteps : pause_steps_;
  pause_steps_ = drafting ? 64 : std::min(pause_steps_ * 2, kLongestPause);
}

}  // namespace hadal
