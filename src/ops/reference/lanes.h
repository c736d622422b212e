// The sixteen lanes of ops/ops.h as plain loops: the definition of every reduction, shared by the reference
// ops.
//
// Elements are never reordered and nothing is skipped: the tail is padded with zeros, so that every lane
// makes the same number of steps. Weight elements are decoded here one row at a time.
#pragma once

#include <cmath>
#include <cstdint>

#include "ops/weight.h"

namespace hadal {

inline constexpr int64_t kLanes = 16;

struct Lanes {
  float v[kLanes] = {};
};

// lanes l += l+8, l += l+4, l += l+2, l += l+1.
inline float tree16(Lanes lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes.v[l] += lanes.v[l + half];
  }
  return lanes.v[0];
}

inline float dot16(const float* a, const float* b, int64_t n) {
  Lanes acc;
  for (int64_t k = 0; k < n; k += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      const bool inside = k + l < n;
      acc.v[l] = std::fma(inside ? a[k + l] : 0.0f, inside ? b[k + l] : 0.0f, acc.v[l]);
    }
  }
  return tree16(acc);
}

inline float sumsq16(const float* a, int64_t n) { return dot16(a, a, n); }

inline float sum16(const float* a, int64_t n) {
  Lanes acc;
  for (int64_t k = 0; k < n; k += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) acc.v[l] += k + l < n ? a[k + l] : 0.0f;
  }
  return tree16(acc);
}

// out [w.in] = the decoded elements of row `row`: code * scale, rounded once.
void decode_weight_row(const Weight& w, int64_t row, float* out);
// The e4m3 code of element k without its scale; the NaN codes are +-480.
float fp8_code(const Weight& w, int64_t row, int64_t k);
// The scale of the FP8 tile that element k is in: an e8m0 byte 255 is +inf.
float fp8_tile_scale(const Weight& w, int64_t row, int64_t k);
// The scale of an FP4 row's 32 elements from 32 * block on.
float fp4_block_scale(const Weight& w, int64_t row, int64_t block);
// Doubled e2m1 code of element k: an integer in -12..12, so that -0 counts as +0.
int fp4_doubled_code(const Weight& w, int64_t row, int64_t k);

}  // namespace hadal
