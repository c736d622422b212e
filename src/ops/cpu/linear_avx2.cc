// The AVX2 unit of linear and moe.
#include <algorithm>
#include <cstring>
#include <limits>

#include "ops/cpu/lanes_avx2.h"
#include "ops/cpu/linear_kernels.h"
#include "ops/elementary.h"

namespace hadal {
namespace avx2 {

// Sixteen registers: 12 hold the sums of 2 x 3 outputs.
inline constexpr int kTileRows = 2;
inline constexpr int kTileTokens = 3;
inline constexpr int kDirectRows = 2;         // read side by side against few inputs
inline constexpr int64_t kInputBlock = 1024;  // of long rows
inline constexpr int kInt8TileTokens = 2;
#include "ops/cpu/elementary.inl"
#include "ops/cpu/linear.inl"
#include "ops/cpu/linear_int8.inl"

}  // namespace avx2

const LinearKernels& linear_kernels_avx2(bool fast_subnormals) {
  static constexpr LinearKernels kFast{avx2::products<avx2::E4m3InF32>, avx2::products_int8, avx2::absorb,
                                       avx2::quantise_int8, avx2::swiglu};
  static constexpr LinearKernels kSlow{avx2::products<avx2::E4m3InF16>, avx2::products_int8, avx2::absorb,
                                       avx2::quantise_int8, avx2::swiglu};
  return fast_subnormals ? kFast : kSlow;
}

}  // namespace hadal
