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
inline constexpr int kInt8TileTokens = 4;
#include "ops/cpu/elementary.inl"
#include "ops/cpu/linear.inl"
#include "ops/cpu/linear_int8.inl"

}  // namespace avx512

const LinearKernels& linear_kernels_avx512() {
  static constexpr LinearKernels kKernels{avx512::products, avx512::products_int8, avx512::quantise_int8,
                                          avx512::swiglu};
  return kKernels;
}

}  // namespace hadal
