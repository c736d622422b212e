// What one instruction-set unit offers to linear and moe: products of weight rows with a few inputs, the int8
// form of an input, and SwiGLU. Plain data and function pointers; the units are linear_avx2.cc and
// linear_avx512.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ops/weight.h"

namespace hadal {

// 128 inputs as the FP4 products of native numerics take them (ops/ops.h, linear): lane l owns inputs 8l ..
// 8l+7.
struct Int8Span {
  int8_t even[64];   // lane l: inputs 8l, 8l+2, 8l+4, 8l+6
  int8_t odd[64];    // lane l: inputs 8l+1, ...
  int32_t bias[16];  // -12 * the lane's sum, because the weight codes are kept unsigned as code + 12
  float scale[16];   // of the lane's block of 32; 0 behind the end of the row
};

// out[t][out_at + o - first] for the rows o of first <= o < last and all inputs t.
struct ProductJob {
  const Weight* weight = nullptr;
  int64_t first = 0;
  int64_t last = 0;
  int64_t tokens = 0;
  const float* const* x = nullptr;  // [tokens]: products() reads the in floats from x[t] + x_at on
  int64_t x_at = 0;
  const Int8Span* const* q = nullptr;  // [tokens] -> [ceil(in/128)]: what products_int8() reads
  float* const* out = nullptr;         // [tokens]
  int64_t out_at = 0;
  float* scratch = nullptr;  // product_scratch_floats(in), the worker's own
};

// out[t][out_at + c] = sum over i of q[t][q_at + i] * W[first + i][c], i < rows ascending, for the channels c
// of first_channel <= c < last_channel: mla_absorb of one head.
struct AbsorbJob {
  const Weight* weight = nullptr;
  int64_t first = 0;
  int64_t rows = 0;
  int64_t first_channel = 0;  // a multiple of kAbsorbChannels
  int64_t last_channel = 0;
  int64_t tokens = 0;
  const float* const* q = nullptr;  // [tokens]
  int64_t q_at = 0;
  float* const* out = nullptr;  // [tokens]
  int64_t out_at = 0;
  float* scratch = nullptr;  // rows * kAbsorbChannels, the worker's own
};
inline constexpr int64_t kAbsorbChannels = 64;

struct LinearKernels {
  void (*products)(const ProductJob& job);       // every weight format, fp32 lanes
  void (*products_int8)(const ProductJob& job);  // FP4 weights of native numerics
  void (*absorb)(const AbsorbJob& job);
  // Blocks of 32 from input `first` on; `first` and n are multiples of 32. The block that ends at `total`
  // also fills the rest of its span with zeros.
  void (*quantise_int8)(const float* x, int64_t first, int64_t n, int64_t total, Int8Span* row);
  // out[i] = silu(min(g, limit)) * clamp(u, -limit, limit) * weight.
  void (*swiglu)(const float* g, const float* u, int64_t n, float limit, float weight, float* out);
};

// fast_subnormals: whether the CPU multiplies subnormal numbers as fast as others, which allows a shorter way
// through FP8 codes. The bits are the same.
const LinearKernels& linear_kernels_avx2(bool fast_subnormals);
const LinearKernels& linear_kernels_avx512(bool fast_subnormals);

inline constexpr int64_t kMaxTileRows = 4;
inline constexpr int64_t kDecodedFloats = 65536;  // decoded rows that many inputs share: half of a usual L2

constexpr int64_t padded_to_lanes(int64_t n) { return (n + 15) / 16 * 16; }
constexpr int64_t int8_spans(int64_t n) { return (n + 127) / 128; }
constexpr int64_t product_scratch_floats(int64_t in) {
  return std::max(kDecodedFloats, kMaxTileRows * padded_to_lanes(in));
}

}  // namespace hadal
