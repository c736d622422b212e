// The AVX2 unit of sparse_attention.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/lanes_avx2.h"
#include "ops/elementary.h"

namespace hadal {
namespace avx2 {
namespace {

// Sixteen registers: 12 hold the sums of 2 x 3 scores, 8 those of 4 heads.
inline constexpr int64_t kScoreHeads = 2;
inline constexpr int64_t kScoreKeys = 3;
inline constexpr int64_t kValueHeads = 4;
inline constexpr int64_t kValueVectors = 1;
#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/attention.inl"

}  // namespace
}  // namespace avx2

const AttentionKernels& attention_kernels_avx2() {
  static constexpr AttentionKernels kKernels{avx2::scores, avx2::softmax, avx2::values};
  return kKernels;
}

}  // namespace hadal
