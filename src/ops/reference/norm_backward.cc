// Gradients of the two RMS norms, as plain loops.
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/reference/backward_values.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {
namespace {

// d_x += r*g - x * (r^3/n * dot16(g, x)); returns r.
float normalise(const float* x, int64_t n, float eps, const float* g, float* d_x) {
  const float r = 1.0f / std::sqrt(sumsq16(x, n) / static_cast<float>(n) + eps);
  const float inward = dot16(g, x, n) * (r * r * r / static_cast<float>(n));
  for (int64_t i = 0; i < n; ++i) d_x[i] += std::fma(-inward, x[i], r * g[i]);
  return r;
}

}  // namespace

void ReferenceBackward::rms_norm(ConstMat x, const NormWeight& weight, float eps, ConstMat d_out, Mat d_x,
                                 float* d_w) {
  CHECK(weight.size == x.cols && d_out.cols == x.cols && d_out.rows == x.rows);
  const float* const w = f32_weights(weight);
  std::vector<float> g(x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t i = 0; i < x.cols; ++i) g[i] = d_out.row(t)[i] * w[i];
    const float r = normalise(x.row(t), x.cols, eps, g.data(), d_x.row(t));
    for (int64_t i = 0; i < x.cols; ++i) d_w[i] = std::fma(d_out.row(t)[i], x.row(t)[i] * r, d_w[i]);
  }
}

void ReferenceBackward::head_rms_norm(ConstMat x, int64_t head_dim, float eps, ConstMat d_out, Mat d_x) {
  CHECK(x.cols % head_dim == 0 && d_out.cols == x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t first = 0; first < x.cols; first += head_dim)
      normalise(x.row(t) + first, head_dim, eps, d_out.row(t) + first, d_x.row(t) + first);
  }
}

}  // namespace hadal
