// The AVX-512 unit of index_topk.
#include <algorithm>
#include <bit>
#include <cstring>

#include "ops/cpu/index_kernels.h"
#include "ops/cpu/lanes_avx512.h"
#include "quant/index_key.h"
#include "quant/small_floats.h"

namespace hadal {
namespace avx512 {
namespace {

inline constexpr int64_t kIndexHeads = 4;
inline constexpr int64_t kIndexTiles = 2;
#include "ops/cpu/index.inl"

}  // namespace
}  // namespace avx512

const IndexKernels& index_kernels_avx512() {
  static constexpr IndexKernels kKernels{avx512::quantise, avx512::scores_stored, avx512::scores_f32,
                                         avx512::scores_fp8, avx512::pick_best};
  return kKernels;
}

}  // namespace hadal
