// The lightning indexer (spec 3.6): scores of all visible entries and the best of them, as plain loops.
#include "ops/reference/index_topk.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"
#include "quant/index_key.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

float relu(float x) { return x > 0 ? x : 0; }

// A 128-vector as the stored keys have it: doubled e2m1 codes, which are integers, and a scale per 32.
struct IndexVector {
  int8_t doubled[kIndexDim];
  float scale[kIndexDim / 32];
};

IndexVector quantised(const float* x) {
  uint8_t codes[kIndexDim], scales[kIndexDim / 32];
  quantise_index_vector(x, codes, scales);
  IndexVector v;
  for (int64_t i = 0; i < kIndexDim; ++i) v.doubled[i] = static_cast<int8_t>(2.0f * e2m1_to_f32(codes[i]));
  for (int64_t b = 0; b < kIndexDim / 32; ++b) v.scale[b] = e8m0_to_f32(scales[b]);
  return v;
}

IndexVector stored_key(const std::byte* tiles, int64_t n) {
  const std::byte* const tile = tiles + n / kIndexTileKeys * kIndexTileBytes;
  const int64_t j = n % kIndexTileKeys;
  IndexVector v;
  for (int64_t i = 0; i < kIndexDim; ++i) {
    const auto packed = static_cast<uint8_t>(tile[i / 8 * 64 + j * 4 + i % 8 / 2]);
    const auto code = static_cast<uint8_t>(i % 2 == 0 ? packed & 15 : packed >> 4);
    v.doubled[i] = static_cast<int8_t>(2.0f * e2m1_to_f32(code));
  }
  for (int64_t b = 0; b < kIndexDim / 32; ++b)
    v.scale[b] = e8m0_to_f32(static_cast<uint8_t>(tile[kIndexTileKeys * 64 + b * kIndexTileKeys + j]));
  return v;
}

float product(const IndexVector& q, const IndexVector& k) {
  float qk = 0;
  for (int64_t b = 0; b < kIndexDim / 32; ++b) {
    int32_t n = 0;
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i) n += q.doubled[i] * k.doubled[i];
    qk = std::fma(static_cast<float>(n), q.scale[b] * (0.25f * k.scale[b]), qk);
  }
  return qk;
}

void score_stored(const float* q, const float* w, int64_t heads, float score_scale, const std::byte* keys,
                  std::span<float> scores) {
  std::vector<IndexVector> queries(heads);
  for (int64_t h = 0; h < heads; ++h) queries[h] = quantised(q + h * kIndexDim);
  for (size_t n = 0; n < scores.size(); ++n) {
    const IndexVector key = stored_key(keys, static_cast<int64_t>(n));
    float acc = 0;
    for (int64_t h = 0; h < heads; ++h)
      acc = std::fma(w[h] * score_scale, relu(product(queries[h], key)), acc);
    scores[n] = acc;
  }
}

void score_f32(const float* q, const float* w, int64_t heads, float score_scale, const std::byte* keys,
               std::span<float> scores) {
  float key[kIndexDim];
  for (size_t n = 0; n < scores.size(); ++n) {
    std::memcpy(key, keys + n * sizeof key, sizeof key);
    float acc = 0;
    for (int64_t h = 0; h < heads; ++h)
      acc = std::fma(w[h] * score_scale, relu(dot16(q + h * kIndexDim, key, kIndexDim)), acc);
    scores[n] = acc;
  }
}

}  // namespace

void pick_best(std::span<const float> scores, int64_t topk, int64_t* picks) {
  const auto visible = static_cast<int64_t>(scores.size());
  std::vector<int64_t> order(visible);
  std::iota(order.begin(), order.end(), 0);
  const int64_t count = std::min(topk, visible);
  if (visible > topk) {
    std::nth_element(order.begin(), order.begin() + count, order.end(), [&](int64_t a, int64_t b) {
      const uint32_t key_a = score_key(scores[a]);
      const uint32_t key_b = score_key(scores[b]);
      return key_a != key_b ? key_a > key_b : a < b;
    });
    std::sort(order.begin(), order.begin() + count);
  }
  std::copy_n(order.begin(), count, picks);
  std::fill(picks + count, picks + topk, -1);
}

void ReferenceOps::index_topk(Mat q, ConstMat w, float score_scale, const std::byte* keys,
                              std::span<const int64_t> visible, int64_t topk, int64_t* picks) {
  CHECK(q.cols == w.cols * kIndexDim && static_cast<int64_t>(visible.size()) == q.rows);
  std::vector<float> scores;
  for (int64_t t = 0; t < q.rows; ++t) {
    scores.assign(visible[t], 0.0f);
    if (visible[t] > topk) {
      const auto score = entry_format() == EntryFormat::kF32 ? score_f32 : score_stored;
      score(q.row(t), w.row(t), w.cols, score_scale, keys, scores);
    }
    pick_best(scores, topk, picks + t * topk);
  }
}

}  // namespace hadal
