// The AVX-512 unit of the backward pass.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"
#include "ops/cpu/backward_kernels.h"
#include "ops/cpu/lanes_avx512.h"
#include "ops/elementary.h"
#include "ops/reference/hadamard.h"

namespace hadal {
namespace avx512 {
namespace {

// 24 of the 32 registers hold sums.
inline constexpr int64_t kGemmTileRows = 12;
inline Part splat_part(float x) { return _mm512_set1_ps(x); }
inline void store_part_of(float* p, Part a) { _mm512_storeu_ps(p, a); }

#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/streams.inl"
// What it builds on is above.
#include "ops/cpu/backward.inl"
#include "ops/cpu/gemm.inl"

}  // namespace
}  // namespace avx512

const BackwardKernels& backward_kernels_avx512() {
  static constexpr BackwardKernels kKernels{
      .gemm = avx512::gemm,
      .dot = avx512::dot,
      .axpy = avx512::axpy,
      .combine = avx512::combine,
      .norm = avx512::norm,
      .norm_weight = avx512::norm_weight,
      .hc_gates = avx512::hc_gates_backward,
      .hc_inward = avx512::hc_inward,
      .hc_parameters = avx512::hc_parameters,
      .hc_unmix = avx512::hc_unmix,
      .hc_post = avx512::hc_post_backward,
      .largest = avx512::largest,
      .shares = avx512::shares,
      .key_gradients = avx512::key_gradients,
      .swiglu = avx512::swiglu,
      .cross_entropy = avx512::cross_entropy,
      .pool = avx512::pool_backward,
  };
  return kKernels;
}

}  // namespace hadal
