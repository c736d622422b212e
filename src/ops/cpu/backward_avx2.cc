// The AVX2 unit of the backward pass.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"
#include "ops/cpu/backward_kernels.h"
#include "ops/cpu/lanes_avx2.h"
#include "ops/elementary.h"
#include "ops/reference/hadamard.h"

namespace hadal {
namespace avx2 {
namespace {

// 12 of the 16 registers hold sums.
inline constexpr int64_t kGemmTileRows = 6;
inline Part splat_part(float x) { return _mm256_set1_ps(x); }
inline void store_part_of(float* p, Part a) { _mm256_storeu_ps(p, a); }

#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/streams.inl"
// What it builds on is above.
#include "ops/cpu/backward.inl"
#include "ops/cpu/gemm.inl"

}  // namespace
}  // namespace avx2

const BackwardKernels& backward_kernels_avx2() {
  static constexpr BackwardKernels kKernels{
      .gemm = avx2::gemm,
      .dot = avx2::dot,
      .axpy = avx2::axpy,
      .combine = avx2::combine,
      .norm = avx2::norm,
      .norm_weight = avx2::norm_weight,
      .hc_gates = avx2::hc_gates_backward,
      .hc_inward = avx2::hc_inward,
      .hc_parameters = avx2::hc_parameters,
      .hc_unmix = avx2::hc_unmix,
      .hc_post = avx2::hc_post_backward,
      .largest = avx2::largest,
      .shares = avx2::shares,
      .key_gradients = avx2::key_gradients,
      .swiglu = avx2::swiglu,
      .cross_entropy = avx2::cross_entropy,
      .pool = avx2::pool_backward,
  };
  return kKernels;
}

}  // namespace hadal
