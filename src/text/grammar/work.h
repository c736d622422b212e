// Work: what compiling a grammar may cost. Every loop of the compiler whose length a user decides spends
// units here (one is some ten nanoseconds), so that a hostile schema or pattern is refused, always at the
// same point, instead of being computed. Compiling is bounded by this alone: no clocks, no recursion without
// a depth.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace hadal::grammar {

inline constexpr uint64_t kWorkUnits = 4'000'000;
inline constexpr uint32_t kMaxStates = 60'000;    // of all automata of a grammar
inline constexpr uint64_t kMaxCells = 4'000'000;  // of their transition tables, 4 bytes each
inline constexpr uint32_t kMaxDepth = 3'000;      // nesting of expressions
inline constexpr uint32_t kMaxRules = 20'000;

class Work {
 public:
  explicit Work(uint64_t units = kWorkUnits) : left_(units) {}

  void spend(uint64_t units) {
    if (units > left_) {
      fail(ErrorCode::kUsage, "the grammar is too large to compile (more than {} steps); make it smaller",
           kWorkUnits);
    }
    left_ -= units;
  }
  uint64_t left() const { return left_; }

 private:
  uint64_t left_;
};

}  // namespace hadal::grammar
