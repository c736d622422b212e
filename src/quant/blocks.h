// What the block quantisers of this folder share: a run of values under one power-of-two scale.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "quant/small_floats.h"

namespace hadal {

inline float largest_magnitude(const float* x, int64_t n) {
  float amax = 0;
  for (int64_t i = 0; i < n; ++i) amax = std::max(amax, std::fabs(x[i]));
  return amax;
}

// 2^exponent for exponents of normal numbers. Multiplying by 2^-e is dividing by 2^e, to the bit.
inline float power_of_two(int exponent) {
  return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23);
}

// x [n] under one scale of the FP8 rule -> e4m3 codes [n]; returns the e8m0 byte.
inline uint8_t quantise_fp8_block(const float* x, int64_t n, uint8_t* codes) {
  const int e = fp8_scale_exponent(largest_magnitude(x, n));
  const float inverse = power_of_two(-e);
  for (int64_t i = 0; i < n; ++i) codes[i] = f32_to_e4m3(x[i] * inverse);
  return static_cast<uint8_t>(e + 127);
}

// x [n] under one scale of the FP4 rule -> e2m1 codes [n], one a byte; returns the e8m0 byte.
inline uint8_t quantise_fp4_block(const float* x, int64_t n, uint8_t* codes) {
  const int e = fp4_scale_exponent(largest_magnitude(x, n));
  const float inverse = power_of_two(-e);
  for (int64_t i = 0; i < n; ++i) codes[i] = f32_to_e2m1(x[i] * inverse);
  return static_cast<uint8_t>(e + 127);
}

}  // namespace hadal
