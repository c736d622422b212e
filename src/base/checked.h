// CheckedSize: arithmetic on sizes that come from a file or a request.
//
// An overflow makes the value invalid for good; asking an invalid value for its number is a bug (CHECK),
// so callers test ok() first and report the field in their own words. Nothing is allocated before that.
#pragma once

#include <cstdint>

#include "base/check.h"

namespace hadal {

class CheckedSize {
 public:
  constexpr CheckedSize(uint64_t value) : value_(value) {}  // NOLINT: implicit on purpose

  constexpr bool ok() const { return ok_; }
  constexpr uint64_t value() const {
    CHECK(ok_);
    return value_;
  }
  // True when the value is known and at most `limit`.
  constexpr bool at_most(uint64_t limit) const { return ok_ && value_ <= limit; }

  friend constexpr CheckedSize operator+(CheckedSize a, CheckedSize b) {
    CheckedSize r(0);
    r.ok_ = a.ok_ && b.ok_ && !__builtin_add_overflow(a.value_, b.value_, &r.value_);
    return r;
  }
  friend constexpr CheckedSize operator*(CheckedSize a, CheckedSize b) {
    CheckedSize r(0);
    r.ok_ = a.ok_ && b.ok_ && !__builtin_mul_overflow(a.value_, b.value_, &r.value_);
    return r;
  }
  // The next multiple of `alignment` (> 0).
  constexpr CheckedSize aligned(uint64_t alignment) const {
    CheckedSize r = *this + CheckedSize(alignment - 1);
    if (r.ok_) r.value_ -= r.value_ % alignment;
    return r;
  }

 private:
  uint64_t value_ = 0;
  bool ok_ = true;
};

}  // namespace hadal
