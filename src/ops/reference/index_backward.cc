// The indexer's own objective and its gradient (docs/TRAINING.md), as plain loops.
#include "ops/reference/index_backward.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

double kl_of_token(std::span<float> scores, const float* target) {
  const float max = *std::max_element(scores.begin(), scores.end());
  double loss = 0;
  float cross = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (target[i] > 0) loss += target[i] * static_cast<double>(log_f32(target[i]));
    cross = std::fma(target[i], scores[i] - max, cross);
  }
  for (float& s : scores) s = exp_f32(s - max);
  const float sum = sum16(scores.data(), static_cast<int64_t>(scores.size()));
  loss += static_cast<double>(log_f32(sum)) - cross;
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = scores[i] / sum - target[i];
  return loss;
}

double ReferenceBackward::index_kl(ConstMat q, ConstMat w, float score_scale, ConstMat key_values,
                                   const KeyLists& keys, const float* target, float weight, Mat d_q, Mat d_w,
                                   Mat d_keys) {
  const int64_t heads = w.cols;
  CHECK(q.cols == heads * kIndexDim && key_values.cols == kIndexDim);
  double loss = 0;
  std::vector<float> scores, products;
  for (int64_t t = 0; t < q.rows; ++t) {
    const int32_t* const rows = keys.rows + keys.begin[t];
    const int64_t count = keys.begin[t + 1] - keys.begin[t];
    if (count == 0) continue;
    scores.assign(static_cast<size_t>(count), 0.0f);
    products.resize(static_cast<size_t>(count * heads));
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t h = 0; h < heads; ++h) {
        const float qk = dot16(q.row(t) + h * kIndexDim, key_values.row(rows[i]), kIndexDim);
        products[i * heads + h] = qk;
        scores[i] = std::fma(w.row(t)[h] * score_scale, qk > 0 ? qk : 0.0f, scores[i]);
      }
    }
    loss += kl_of_token(scores, target + keys.begin[t]);
    for (int64_t i = 0; i < count; ++i) {
      const float d_score = scores[i] * weight * score_scale;
      const float* const key = key_values.row(rows[i]);
      float* const to_key = d_keys.row(rows[i]);
      for (int64_t h = 0; h < heads; ++h) {
        const float qk = products[i * heads + h];
        if (!(qk > 0)) continue;
        d_w.row(t)[h] = std::fma(d_score, qk, d_w.row(t)[h]);
        const float e = d_score * w.row(t)[h];
        const float* const query = q.row(t) + h * kIndexDim;
        float* const to_query = d_q.row(t) + h * kIndexDim;
        for (int64_t c = 0; c < kIndexDim; ++c) {
          to_query[c] = std::fma(e, key[c], to_query[c]);
          to_key[c] = std::fma(e, query[c], to_key[c]);
        }
      }
    }
  }
  return loss;
}

}  // namespace hadal
