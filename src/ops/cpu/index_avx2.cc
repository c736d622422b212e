// The AVX2 unit of index_topk.
#include <algorithm>
#include <bit>
#include <cstring>

#include "ops/cpu/index_kernels.h"
#include "ops/cpu/lanes_avx2.h"
#include "quant/index_key.h"
#include "quant/small_floats.h"

namespace hadal {
namespace avx2 {
namespace {

// Sixteen registers: 4 hold the sums of 2 heads, 4 the codes of a step.
inline constexpr int64_t kIndexHeads = 2;
inline constexpr int64_t kIndexTiles = 1;
#include "ops/cpu/index.inl"

}  // namespace
}  // namespace avx2

const IndexKernels& index_kernels_avx2() {
  static constexpr IndexKernels kKernels{avx2::quantise, avx2::scores_stored, avx2::scores_f32,
                                         avx2::scores_fp8, avx2::pick_best};
  return kKernels;
}

}  // namespace hadal
