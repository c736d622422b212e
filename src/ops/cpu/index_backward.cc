// The gradient of the indexer's objective over the pool. First every query by itself: its scores, its loss
// and the gradients by it. Then every channel by itself: the gradients of the keys, which many queries share,
// in the queries' order.
#include "ops/reference/index_backward.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/cpu/cpu_backward.h"

namespace hadal {

double CpuBackward::index_kl(ConstMat q, ConstMat w, float score_scale, ConstMat key_values,
                             const KeyLists& keys, const float* target, float weight, Mat d_q, Mat d_w,
                             Mat d_keys) {
  const int64_t heads = w.cols;
  CHECK(q.cols == heads * kIndexDim && key_values.cols == kIndexDim);
  const int64_t first_pick = keys.begin[0];
  const int64_t picks = keys.begin[q.rows] - first_pick;
  // By pick and head: the products, which become the gradients by them, and whether they are above 0.
  std::vector<float> e(static_cast<size_t>(picks * heads)), scores(static_cast<size_t>(picks));
  std::vector<uint8_t> counts(e.size());
  std::vector<double> losses(static_cast<size_t>(q.rows));
  share(q.rows, [&](int64_t t) {
    const int64_t begin = keys.begin[t];
    const int64_t count = keys.begin[t + 1] - begin;
    if (count == 0) return;
    float* const score = scores.data() + (begin - first_pick);
    float* const of_pick = e.data() + (begin - first_pick) * heads;
    uint8_t* const counts_of_pick = counts.data() + (begin - first_pick) * heads;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t h = 0; h < heads; ++h) {
        const float qk =
            kernels_.dot(q.row(t) + h * kIndexDim, key_values.row(keys.rows[begin + i]), kIndexDim);
        of_pick[i * heads + h] = qk;
        counts_of_pick[i * heads + h] = qk > 0 ? 1 : 0;
        score[i] = std::fma(w.row(t)[h] * score_scale, qk > 0 ? qk : 0.0f, score[i]);
      }
    }
    losses[static_cast<size_t>(t)] = kl_of_token({score, static_cast<size_t>(count)}, target + begin);
    for (int64_t i = 0; i < count; ++i) {
      const float d_score = score[i] * weight * score_scale;
      for (int64_t h = 0; h < heads; ++h) {
        if (counts_of_pick[i * heads + h] == 0) continue;
        float& qk = of_pick[i * heads + h];
        d_w.row(t)[h] = std::fma(d_score, qk, d_w.row(t)[h]);
        qk = d_score * w.row(t)[h];
        kernels_.axpy(qk, key_values.row(keys.rows[begin + i]), kIndexDim, d_q.row(t) + h * kIndexDim);
      }
    }
  });
  pool_.run([&](int worker) {
    const Range part = part_of(kIndexDim, worker, pool_.threads(), 16);
    if (part.first == part.last) return;
    for (int64_t t = 0; t < q.rows; ++t) {
      for (int64_t i = keys.begin[t]; i < keys.begin[t + 1]; ++i) {
        for (int64_t h = 0; h < heads; ++h) {
          const auto at = static_cast<size_t>((i - first_pick) * heads + h);
          if (counts[at] != 0)
            kernels_.axpy(e[at], q.row(t) + h * kIndexDim + part.first, part.last - part.first,
                          d_keys.row(keys.rows[i]) + part.first);
        }
      }
    }
  });
  double loss = 0;
  for (const double of_query : losses) loss += of_query;
  return loss;
}

}  // namespace hadal
