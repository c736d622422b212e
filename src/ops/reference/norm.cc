// RMSNorm with a weight, the per-head one without, and LayerNorm, as plain loops.
#include <cmath>

#include "base/check.h"
#include "ops/reference/lanes.h"
#include "ops/reference/norm_weight.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

float inverse_rms(const float* x, int64_t n, float eps) {
  return 1.0f / std::sqrt(sumsq16(x, n) / static_cast<float>(n) + eps);
}

}  // namespace

void ReferenceOps::rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) {
  CHECK(weight.size == x.cols && out.cols == x.cols && out.rows == x.rows);
  for (int64_t t = 0; t < x.rows; ++t) {
    const float r = inverse_rms(x.row(t), x.cols, eps);
    for (int64_t i = 0; i < x.cols; ++i) out.row(t)[i] = norm_weight_at(weight, i) * (x.row(t)[i] * r);
  }
  round_activations(out);
}

void ReferenceOps::layer_norm(ConstMat x, const NormWeight& weight, const NormWeight& bias, float eps,
                              Mat out) {
  CHECK(weight.size == x.cols && bias.size == x.cols && out.cols == x.cols && out.rows == x.rows);
  for (int64_t t = 0; t < x.rows; ++t) {
    const float mean = sum16(x.row(t), x.cols) / static_cast<float>(x.cols);
    for (int64_t i = 0; i < x.cols; ++i) out.row(t)[i] = x.row(t)[i] - mean;
    const float r = inverse_rms(out.row(t), x.cols, eps);
    for (int64_t i = 0; i < x.cols; ++i)
      out.row(t)[i] = out.row(t)[i] * r * norm_weight_at(weight, i) + norm_weight_at(bias, i);
  }
  round_activations(out);
}

void ReferenceOps::head_rms_norm(Mat q, int64_t head_dim, float eps) {
  CHECK(q.cols % head_dim == 0);
  for (int64_t t = 0; t < q.rows; ++t) {
    for (int64_t first = 0; first < q.cols; first += head_dim) {
      float* const head = q.row(t) + first;
      const float r = inverse_rms(head, head_dim, eps);
      for (int64_t i = 0; i < head_dim; ++i) head[i] *= r;
    }
  }
}

}  // namespace hadal
