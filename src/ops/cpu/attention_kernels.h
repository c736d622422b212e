// What one instruction-set unit offers to sparse_attention: the three steps of one token's attention, each
// cut where workers may share it: scores by keys, softmax by heads, values by channels and heads. Plain data
// and function pointers; the units are attention_avx2.cc and attention_avx512.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/ops.h"

namespace hadal {

// Channels that are decoded together: those of one scale of a stored row.
inline constexpr int64_t kChannelBlock = 64;

struct AttentionJob {
  const float* q = nullptr;  // [heads, head_dim]
  KeyRows keys;
  KeyForms forms;
  const std::byte* sink = nullptr;  // F32 [heads], or none
  int64_t heads = 0;
  int64_t head_dim = 0;  // a multiple of kChannelBlock
  float scale = 0;
  float* p = nullptr;  // [heads, p_stride]: dot products, then probabilities times the denominator
  int64_t p_stride = 0;
  float* denominator = nullptr;  // [heads]
  float* out = nullptr;          // [heads, head_dim]
};

// Whether the kernels read rows of this form: whole blocks of channels, each under scales of its own.
inline bool fits_kernels(const KvRow& row) {
  const bool split = row.form == KvForm::kFp8Rope || row.form == KvForm::kLatent;
  return row.dim % kChannelBlock == 0 && (!split || row.rotated == kRopeDims);
}

struct Interval {
  int64_t first = 0;
  int64_t last = 0;
};

struct AttentionKernels {
  // p of all heads for the keys of the span; tile is attention_tile_floats(head_dim), the worker's own.
  void (*scores)(const AttentionJob& job, Interval keys, float* tile);
  void (*softmax)(const AttentionJob& job, Interval heads);
  // The channels of the span (multiples of kChannelBlock) of those heads.
  void (*values)(const AttentionJob& job, Interval heads, Interval channels, float* tile);
};

const AttentionKernels& attention_kernels_avx2();
const AttentionKernels& attention_kernels_avx512();

// Rows of decoded keys are a cache line longer than the head, so that they do not meet in one set of the
// cache.
inline constexpr int64_t kScoreTileKeys = 12;
inline constexpr int64_t kValueTileKeys = 64;
constexpr int64_t score_tile_stride(int64_t head_dim) { return head_dim + 16; }
constexpr int64_t attention_tile_floats(int64_t head_dim) {
  const int64_t scores = kScoreTileKeys * score_tile_stride(head_dim);
  const int64_t values = kValueTileKeys * kChannelBlock;
  return scores > values ? scores : values;
}

}  // namespace hadal
