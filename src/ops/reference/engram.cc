// Engram's gates (V4.1): how much of the looked-up value each stream takes, as plain loops.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/norm_weight.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

float inverse_rms(const float* x, int64_t n, float eps) {
  return 1.0f / std::sqrt(sumsq16(x, n) / static_cast<float>(n) + eps);
}

}  // namespace

void ReferenceOps::engram_gate(Mat streams, ConstMat kv, const NormWeight& q_weight,
                               const NormWeight& k_weight, float eps, Mat gate) {
  const int64_t m = gate.cols;
  const int64_t d = streams.cols / m;
  CHECK(streams.cols == m * d && kv.cols == (m + 1) * d && kv.rows == streams.rows);
  CHECK(q_weight.size == m * d && k_weight.size == m * d && gate.rows == streams.rows);
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(d)));
  std::vector<float> weighted(d);
  for (int64_t t = 0; t < streams.rows; ++t) {
    for (int64_t k = 0; k < m; ++k) {
      float* const x = streams.row(t) + k * d;
      const float* const key = kv.row(t) + k * d;
      const float* const value = kv.row(t) + m * d;
      for (int64_t c = 0; c < d; ++c)
        weighted[c] = norm_weight_at(q_weight, k * d + c) * norm_weight_at(k_weight, k * d + c) * key[c];
      const float dot =
          dot16(x, weighted.data(), d) * inverse_rms(x, d, eps) * inverse_rms(key, d, eps) * scale;
      const float root = std::copysign(std::sqrt(std::max(std::fabs(dot), 1e-6f)), dot);
      const float g = sigmoid_f32(root);
      for (int64_t c = 0; c < d; ++c) x[c] = std::fma(g, value[c], x[c]);
      gate.row(t)[k] = g;
    }
  }
}

}  // namespace hadal
