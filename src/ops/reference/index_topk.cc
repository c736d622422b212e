// The lightning indexer (spec 3.6): scores of all visible entries and the best of them, as plain loops.
#include "ops/reference/index_topk.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

// A vector as the FP4 keys have it: doubled e2m1 codes, which are integers, and a scale per 32.
struct IndexVector {
  int8_t doubled[kMostIndexDim];
  float scale[kMostIndexDim / kIndexBlock];
};

IndexVector quantised(const float* x, int64_t dim) {
  uint8_t codes[kMostIndexDim], scales[kMostIndexDim / kIndexBlock];
  quantise_index_vector(x, dim, codes, scales);
  IndexVector v;
  for (int64_t i = 0; i < dim; ++i) v.doubled[i] = static_cast<int8_t>(2.0f * e2m1_to_f32(codes[i]));
  for (int64_t b = 0; b * kIndexBlock < dim; ++b) v.scale[b] = e8m0_to_f32(scales[b]);
  return v;
}

IndexVector stored_key(const IndexKeys& keys, int64_t n) {
  const std::byte* const tile = keys.data + n / kIndexTileKeys * keys.form.tile_bytes();
  const int64_t j = n % kIndexTileKeys;
  IndexVector v;
  for (int64_t i = 0; i < keys.form.dim; ++i) {
    const auto packed = static_cast<uint8_t>(tile[i / 8 * 64 + j * 4 + i % 8 / 2]);
    const auto code = static_cast<uint8_t>(i % 2 == 0 ? packed & 15 : packed >> 4);
    v.doubled[i] = static_cast<int8_t>(2.0f * e2m1_to_f32(code));
  }
  for (int64_t b = 0; b < keys.form.blocks(); ++b)
    v.scale[b] = e8m0_to_f32(static_cast<uint8_t>(tile[keys.form.steps() * 64 + b * kIndexTileKeys + j]));
  return v;
}

float product(const IndexVector& q, const IndexVector& k, int64_t dim) {
  float qk = 0;
  for (int64_t b = 0; b * kIndexBlock < dim; ++b) {
    int32_t n = 0;
    for (int64_t i = kIndexBlock * b; i < std::min(dim, kIndexBlock * (b + 1)); ++i)
      n += q.doubled[i] * k.doubled[i];
    qk = std::fma(static_cast<float>(n), q.scale[b] * (0.25f * k.scale[b]), qk);
  }
  return qk;
}

void score_fp4(const float* q, std::span<const float> w, const IndexKeys& keys, std::span<float> scores) {
  std::vector<IndexVector> queries;
  queries.reserve(w.size());
  for (size_t h = 0; h < w.size(); ++h)
    queries.push_back(quantised(q + static_cast<int64_t>(h) * keys.form.dim, keys.form.dim));
  for (size_t n = 0; n < scores.size(); ++n) {
    const IndexVector key = stored_key(keys, static_cast<int64_t>(n));
    float acc = 0;
    for (size_t h = 0; h < w.size(); ++h)
      acc = std::fma(w[h], relu(product(queries[h], key, keys.form.dim)), acc);
    scores[n] = acc;
  }
}

void score_f32(const float* q, std::span<const float> w, const IndexKeys& keys, std::span<float> scores) {
  const int64_t dim = keys.form.dim;
  float key[kMostIndexDim];
  for (size_t n = 0; n < scores.size(); ++n) {
    decode_index_key(keys.form, keys.data, static_cast<int64_t>(n), key);
    float acc = 0;
    for (size_t h = 0; h < w.size(); ++h)
      acc = std::fma(w[h], relu(dot16(q + static_cast<int64_t>(h) * dim, key, dim)), acc);
    scores[n] = acc;
  }
}

void score_fp8(const float* q, std::span<const float> w, const IndexKeys& keys, std::span<float> scores) {
  const int64_t dim = keys.form.dim;
  std::vector<float> values(w.size() * static_cast<size_t>(dim)), weights(w.begin(), w.end());
  for (size_t h = 0; h < w.size(); ++h) {
    uint8_t codes[kMostIndexDim];
    const auto first = static_cast<int64_t>(h) * dim;
    weights[h] *= quantise_index_vector8(q + first, dim, codes);
    for (int64_t i = 0; i < dim; ++i) values[first + i] = e4m3_to_f32(codes[i]);
  }
  for (size_t n = 0; n < scores.size(); ++n) {
    const std::byte* const at = keys.data + keys.form.bytes(static_cast<int64_t>(n));
    float key[kMostIndexDim];
    for (int64_t i = 0; i < dim; ++i) key[i] = e4m3_to_f32(static_cast<uint8_t>(at[i]));
    float acc = 0;
    for (size_t h = 0; h < w.size(); ++h)
      acc = std::fma(weights[h], relu(dot16(values.data() + static_cast<int64_t>(h) * dim, key, dim)), acc);
    scores[n] = acc * load_as<float>(at + dim);
  }
}

void score(const float* q, std::span<const float> w, const IndexKeys& keys, std::span<float> scores) {
  switch (keys.form.form) {
    case IndexForm::kF32:
      return score_f32(q, w, keys, scores);
    case IndexForm::kFp4:
      return score_fp4(q, w, keys, scores);
    case IndexForm::kFp8:
      return score_fp8(q, w, keys, scores);
  }
}

int64_t blocks_of(int64_t entries, int64_t block) { return (entries + block - 1) / block; }

void pick_blocks(std::span<const float> scores, const IndexChoice& choice, int64_t* best) {
  const auto visible = static_cast<int64_t>(scores.size());
  const int64_t blocks = blocks_of(visible, choice.block);
  std::vector<float> of_blocks(static_cast<size_t>(blocks), -std::numeric_limits<float>::infinity());
  for (int64_t n = 0; n < visible; ++n)
    of_blocks[n / choice.block] = std::max(of_blocks[n / choice.block], scores[n]);
  if (blocks > 0) of_blocks.back() = std::numeric_limits<float>::infinity();
  pick_best(of_blocks, choice.top_blocks, best);
}

// Whether each of the visible entries lies in one of the blocks.
std::vector<bool> entries_within(const int64_t* blocks, const IndexChoice& choice, int64_t visible) {
  std::vector<bool> inside(static_cast<size_t>(visible));
  for (int64_t i = 0; i < choice.top_blocks && blocks[i] >= 0; ++i) {
    const int64_t first = blocks[i] * choice.block;
    for (int64_t n = first; n < std::min(visible, first + choice.block); ++n)
      inside[static_cast<size_t>(n)] = true;
  }
  return inside;
}

void pick_within(std::span<const float> scores, const std::vector<bool>& inside, int64_t topk,
                 int64_t* picks) {
  std::vector<float> kept;
  std::vector<int64_t> entries;
  for (size_t n = 0; n < scores.size(); ++n) {
    if (!inside[n]) continue;
    kept.push_back(scores[n]);
    entries.push_back(static_cast<int64_t>(n));
  }
  pick_best(kept, topk, picks);
  for (int64_t i = 0; i < topk && picks[i] >= 0; ++i) picks[i] = entries[picks[i]];
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

bool needs_scores(int64_t visible, const IndexChoice& choice) {
  return visible > choice.topk ||
         (choice.best_blocks != nullptr && blocks_of(visible, choice.block) > choice.top_blocks);
}

void choose(std::span<const float> scores, const IndexChoice& choice, int64_t t) {
  int64_t* const picks = choice.picks + t * choice.topk;
  if (choice.best_blocks != nullptr) pick_blocks(scores, choice, choice.best_blocks + t * choice.top_blocks);
  if (choice.within == nullptr) return pick_best(scores, choice.topk, picks);
  const int64_t* const blocks = choice.within + t * choice.top_blocks;
  pick_within(scores, entries_within(blocks, choice, static_cast<int64_t>(scores.size())), choice.topk,
              picks);
}

void ReferenceOps::index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                              std::span<const int64_t> visible, const IndexChoice& choice) {
  CHECK(q.cols == w.cols * keys.form.dim && static_cast<int64_t>(visible.size()) == q.rows);
  std::vector<float> scores, weights(static_cast<size_t>(w.cols));
  for (int64_t t = 0; t < q.rows; ++t) {
    scores.assign(visible[t], 0.0f);
    if (needs_scores(visible[t], choice)) {
      for (int64_t h = 0; h < w.cols; ++h) weights[h] = w.row(t)[h] * score_scale;
      score(q.row(t), weights, keys, scores);
    }
    choose(scores, choice, t);
  }
}

}  // namespace hadal
