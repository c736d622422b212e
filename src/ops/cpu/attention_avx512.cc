// The AVX-512 unit of sparse_attention.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/lanes_avx512.h"
#include "ops/elementary.h"

namespace hadal {
namespace avx512 {
namespace {

// Thirty-two registers: 16 hold sums, enough to hide the latency of a multiply-add.
inline constexpr int64_t kScoreHeads = 4;
inline constexpr int64_t kScoreKeys = 4;
inline constexpr int64_t kValueHeads = 4;
inline constexpr int64_t kValueVectors = 4;
#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/attention.inl"

}  // namespace
}  // namespace avx512

const AttentionKernels& attention_kernels_avx512() {
  static constexpr AttentionKernels kKernels{avx512::scores, avx512::softmax, avx512::values};
  return kKernels;
}

}  // namespace hadal
