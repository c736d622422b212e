// What one instruction-set unit offers to index_topk: quantised queries, the scores of keys as ordered
// integers, and the choice of the best. Plain data and function pointers; the units are index_avx2.cc and
// index_avx512.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/ops.h"

namespace hadal {

// Keys that a score step takes together at most: two tiles.
inline constexpr int64_t kIndexStepKeys = 32;

// One head's query as the stored keys have it: doubled e2m1 codes and a scale per 32.
struct IndexQuery {
  int8_t even[64];  // dimensions 0, 2, 4 ...
  int8_t odd[64];
  int32_t bias[4];  // -12 * the sum of the block's codes, because the keys' are kept unsigned as code + 12
  float scale[4];
};

struct IndexJob {
  const float* q = nullptr;             // [heads, dim], for fp32 and FP8 keys (then the codes' values)
  int64_t dim = kIndexDim;              // a multiple of 16; FP4: 128
  const IndexQuery* queries = nullptr;  // [heads], for stored keys
  const float* w = nullptr;             // [heads], already times score_scale
  int64_t heads = 0;                    // a multiple of kIndexHeadGrain; heads of zero weight add nothing
  const std::byte* keys = nullptr;
  int64_t count = 0;  // visible keys
  int32_t* order =
      nullptr;  // [count up to a multiple of kIndexStepKeys]: integers in the order of the scores
};

inline constexpr int64_t kIndexHeadGrain = 4;

struct IndexKernels {
  void (*quantise)(const float* q, int64_t heads, IndexQuery* queries);
  // order of the keys first .. last-1; both are multiples of kIndexStepKeys, keys behind `count` get any
  // value.
  void (*scores_stored)(const IndexJob& job, int64_t first, int64_t last);
  void (*scores_f32)(const IndexJob& job, int64_t first, int64_t last);
  void (*scores_fp8)(const IndexJob& job, int64_t first, int64_t last);
  // The topk < count largest, the lowest index first among equals, ascending. Overwrites nothing but picks.
  void (*pick_best)(const int32_t* order, int64_t count, int64_t topk, int64_t* picks);
};

const IndexKernels& index_kernels_avx2();
const IndexKernels& index_kernels_avx512();

}  // namespace hadal
