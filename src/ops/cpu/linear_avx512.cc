// The AVX-512 unit of linear and moe.
#include <algorithm>
#include <cstring>
#include <limits>

#include "ops/cpu/lanes_avx512.h"
#include "ops/cpu/linear_kernels.h"
#include "ops/elementary.h"

namespace hadal {
namespace avx512 {

// Thirty-two registers: 24 hold the sums of 4 x 6 outputs.
inline constexpr int kTileRows = 4;
inline constexpr int kTileTokens = 6;
inline constexpr int kDirectRows = 4;                     // read side by side against few inputs
inline constexpr int64_t kInputBlock = int64_t{1} << 40;  // no need to cut long rows
inline constexpr int kInt8TileTokens = 4;
#include "ops/cpu/elementary.inl"
#include "ops/cpu/linear.inl"
#include "ops/cpu/linear_int8.inl"

}  // namespace avx512

const LinearKernels& linear_kernels_avx512(bool fast_subnormals) {
  static constexpr LinearKernels kFast{avx512::products<avx512::E4m3InF32>, avx512::products_int8,
                                       avx512::absorb, avx512::quantise_int8, avx512::swiglu};
  static constexpr LinearKernels kSlow{avx512::products<avx512::E4m3InF16>, avx512::products_int8,
                                       avx512::absorb, avx512::quantise_int8, avx512::swiglu};
  return fast_subnormals ? kFast : kSlow;
}

}  // namespace hadal
