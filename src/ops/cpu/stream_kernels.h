// What one instruction-set unit offers to the ops between the products: the streams' gates and mixes, norms,
// rotations, compressor pools. Plain data and function pointers; the units are streams_avx2.cc and
// streams_avx512.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/ops.h"

namespace hadal {

struct StreamKernels {
  // 1/sqrt(sumsq16(x)/n + eps).
  float (*inverse_rms)(const float* x, int64_t n, float eps);
  // g [24] -> pre [4], post [4], comb [16].
  void (*hc_gates)(const float* g, const HcParams& params, const HcConfig& config, float* pre, float* post,
                   float* comb);
  // u[c] = sum over j of pre[j] * x[j*d + c].
  void (*hc_mix)(const float* x, const float* pre, int64_t d, float* u);
  void (*hc_post)(float* x, const float* y, int64_t d, const float* post, const float* comb);

  // out = w * (x * r); without a weight out = x * r.
  void (*scale_row)(const float* x, float r, const NormWeight& weight, float* out);
  void (*scale_head)(float* x, int64_t n, float r);
  // cos_sin: c0 s0 c1 s1 ...; turned: -s0 c0 -s1 c1 ...; 64 values each. Rotates the last 64 of each head.
  void (*rope_table)(float position, const RopeFrequencies& f, bool inverse, float* cos_sin, float* turned);
  void (*rope_heads)(float* x, int64_t cols, int64_t head_dim, const float* cos_sin, const float* turned);
  void (*hadamard)(float* x, int64_t cols);
  // Channels first .. last-1 of one block.
  void (*pool)(const PoolSlots& slots, int64_t first, int64_t last, float* out);
};

const StreamKernels& stream_kernels_avx2();
const StreamKernels& stream_kernels_avx512();

}  // namespace hadal
