// Cross entropy over the vocabulary and its gradient, as plain loops.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

void ReferenceBackward::cross_entropy(ConstMat logits, std::span<const int32_t> targets,
                                      std::span<const float> weights, std::span<float> losses, Mat d_logits) {
  CHECK(static_cast<int64_t>(targets.size()) == logits.rows && targets.size() == weights.size());
  for (int64_t t = 0; t < logits.rows; ++t) {
    float* const d = d_logits.row(t);
    losses[t] = 0;
    if (targets[t] < 0) {
      std::fill_n(d, logits.cols, 0.0f);
      continue;
    }
    CHECK(targets[t] < logits.cols);
    const float* const logit = logits.row(t);
    const float max = *std::max_element(logit, logit + logits.cols);
    const float at_target = logit[targets[t]] - max;
    for (int64_t v = 0; v < logits.cols; ++v) d[v] = exp_f32(logit[v] - max);
    const float sum = sum16(d, logits.cols);
    losses[t] = log_f32(sum) - at_target;
    const float factor = weights[t] / sum;
    for (int64_t v = 0; v < logits.cols; ++v) d[v] *= factor;
    d[targets[t]] -= weights[t];
  }
}

}  // namespace hadal
