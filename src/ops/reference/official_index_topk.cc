// The indexer as the official model computes it: every tensor operation of the score ends in bf16 (spec 3.6).
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "ops/reference/index_topk.h"
#include "ops/reference/lanes.h"
#include "ops/reference/official_ops.h"
#include "quant/index_key.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

// Sim4-32 of one query head, in place.
void simulate_fp4(float* x) {
  uint8_t codes[kIndexDim], scales[kIndexDim / 32];
  quantise_index_vector(x, kIndexDim, codes, scales);
  for (int64_t i = 0; i < kIndexDim; ++i) x[i] = e2m1_to_f32(codes[i]) * e8m0_to_f32(scales[i / 32]);
}

float score(const float* q, std::span<const float> w, const float* key) {
  float sum = 0;
  for (size_t h = 0; h < w.size(); ++h) {
    const float qk = round_to_bf16(dot16(q + h * kIndexDim, key, kIndexDim));
    sum += round_to_bf16(std::max(qk, 0.0f) * w[h]);
  }
  return round_to_bf16(sum);
}

}  // namespace

void OfficialOps::index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                             std::span<const int64_t> visible, const IndexChoice& choice) {
  CHECK(q.cols == w.cols * kIndexDim && static_cast<int64_t>(visible.size()) == q.rows);
  std::vector<float> weights(w.cols);
  std::vector<float> scores;
  for (int64_t t = 0; t < q.rows; ++t) {
    scores.assign(visible[t], 0.0f);
    if (visible[t] > choice.topk) {
      for (int64_t h = 0; h < w.cols; ++h) {
        simulate_fp4(q.row(t) + h * kIndexDim);
        weights[h] = round_to_bf16(round_to_bf16(w.row(t)[h]) * score_scale);
      }
      for (int64_t n = 0; n < visible[t]; ++n) {
        float key[kIndexDim];
        decode_index_key(keys.form, keys.data, n, key);
        scores[n] = score(q.row(t), weights, key);
      }
    }
    pick_best(scores, choice.topk, choice.picks + t * choice.topk);
  }
}

}  // namespace hadal
