// Gradients of the four residual streams (spec 3.1 and 10.1), as plain loops: through the gates, the norm
// that is applied after the product, and every Sinkhorn pass.
#include "ops/reference/hyper_connection_backward.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/backward_values.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {
namespace {

constexpr int64_t m = kHcMult;
using Square = std::array<float, m * m>;

// One division of each row (step 1) or column (step m) by its sum + eps. before: what was divided; d: the
// gradient by the quotients -> by `before`.
void undo_division(const float* before, int64_t line, int64_t along, float eps, float* d) {
  for (int64_t i = 0; i < m; ++i) {
    const int64_t first = i * line;
    float sum = 0;
    for (int64_t k = 0; k < m; ++k) sum += before[first + k * along];
    sum += eps;
    float inward = 0;
    for (int64_t k = 0; k < m; ++k)
      inward = std::fma(d[first + k * along], before[first + k * along] / sum, inward);
    for (int64_t k = 0; k < m; ++k) d[first + k * along] = (d[first + k * along] - inward) / sum;
  }
}

}  // namespace

void sinkhorn_backward(const float* raw, int64_t iterations, float eps, float* d) {
  // The matrices that were divided, in the order of the passes; the softmax in front of them.
  std::vector<Square> before;
  before.reserve(static_cast<size_t>(2 * iterations));
  Square softmax{};
  Square c{};
  for (int64_t j = 0; j < m; ++j) {
    const float max = *std::max_element(raw + j * m, raw + (j + 1) * m);
    float sum = 0;
    for (int64_t k = 0; k < m; ++k) sum += softmax[j * m + k] = exp_f32(raw[j * m + k] - max);
    for (int64_t k = 0; k < m; ++k) softmax[j * m + k] /= sum;
  }
  for (int64_t i = 0; i < m * m; ++i) c[i] = softmax[i] + eps;
  const auto divide = [&](int64_t line, int64_t along) {
    before.push_back(c);
    for (int64_t i = 0; i < m; ++i) {
      float sum = 0;
      for (int64_t k = 0; k < m; ++k) sum += c[i * line + k * along];
      sum += eps;
      for (int64_t k = 0; k < m; ++k) c[i * line + k * along] /= sum;
    }
  };
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    if (iteration > 0) divide(m, 1);
    divide(1, m);
  }
  for (int64_t iteration = iterations - 1; iteration >= 0; --iteration) {
    undo_division(before.back().data(), 1, m, eps, d);
    before.pop_back();
    if (iteration == 0) break;
    undo_division(before.back().data(), m, 1, eps, d);
    before.pop_back();
  }
  for (int64_t j = 0; j < m; ++j) {
    float inward = 0;
    for (int64_t k = 0; k < m; ++k) inward = std::fma(d[j * m + k], softmax[j * m + k], inward);
    for (int64_t k = 0; k < m; ++k) d[j * m + k] = (d[j * m + k] - inward) * softmax[j * m + k];
  }
}

void hc_gates_backward(const float* g, const HcParams& params, const HcConfig& config, const float* d_pre,
                       const float* d_post, const float* d_comb, float* d_g, const HcGradients& d_params) {
  const float* const base = f32_values(params.base);
  const float* const scale = f32_values(params.scale);
  float d_argument[kHcSiteRows];
  const auto sigmoid_at = [&](int64_t i, int64_t site) {
    return sigmoid_f32(std::fma(g[i], scale[site], base[i]));
  };
  for (int64_t j = 0; j < m; ++j) {
    const float pre = sigmoid_at(j, 0);
    const float post = sigmoid_at(m + j, 1);
    d_argument[j] = d_pre[j] * (pre * (1.0f - pre));
    d_argument[m + j] = d_post[j] * (2.0f * post * (1.0f - post));
  }
  float raw[m * m];
  for (int64_t i = 0; i < m * m; ++i) {
    raw[i] = std::fma(g[2 * m + i], scale[2], base[2 * m + i]);
    d_argument[2 * m + i] = d_comb[i];
  }
  sinkhorn_backward(raw, config.sinkhorn_iters, config.hc_eps, d_argument + 2 * m);
  for (int64_t i = 0; i < kHcSiteRows; ++i) {
    const int64_t site = std::min<int64_t>(i / m, 2);
    d_g[i] = d_argument[i] * scale[site];
    d_params.base[i] += d_argument[i];
    d_params.scale[site] = std::fma(d_argument[i], g[i], d_params.scale[site]);
  }
}

void hc_head_gates_backward(const float* g, const HcParams& params, const float* d_pre, float* d_g,
                            const HcGradients& d_params) {
  const float* const base = f32_values(params.base);
  const float scale = f32_values(params.scale)[0];
  for (int64_t j = 0; j < m; ++j) {
    const float pre = sigmoid_f32(std::fma(g[j], scale, base[j]));
    const float d_argument = d_pre[j] * (pre * (1.0f - pre));
    d_g[j] = d_argument * scale;
    d_params.base[j] += d_argument;
    d_params.scale[0] = std::fma(d_argument, g[j], d_params.scale[0]);
  }
}

void ReferenceBackward::hc_expand(ConstMat d_streams, int64_t mult, Mat d_x) {
  CHECK(d_streams.cols == mult * d_x.cols && d_streams.rows == d_x.rows);
  for (int64_t t = 0; t < d_x.rows; ++t)
    for (int64_t j = 0; j < mult; ++j)
      for (int64_t c = 0; c < d_x.cols; ++c) d_x.row(t)[c] += d_streams.row(t)[j * d_x.cols + c];
}

void ReferenceBackward::mixing_logits(ConstMat streams, const Weight& fn, float norm_eps, ConstMat products,
                                      Mat d_logits, Mat d_streams, float* d_fn) {
  const auto n = static_cast<float>(fn.in);
  for (int64_t t = 0; t < streams.rows; ++t) {
    const float* const z = streams.row(t);
    const float rho = 1.0f / std::sqrt(sumsq16(z, fn.in) / n + norm_eps);
    float* const d = d_logits.row(t);
    float inward = 0;
    for (int64_t i = 0; i < fn.out; ++i) {
      inward = std::fma(d[i], products.row(t)[i], inward);
      d[i] *= rho;
    }
    inward *= -(rho * rho * rho / n);
    for (int64_t c = 0; c < fn.in; ++c) d_streams.row(t)[c] = std::fma(inward, z[c], d_streams.row(t)[c]);
  }
  linear(streams, fn, d_logits, d_streams, d_fn);
}

void ReferenceBackward::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                               ConstMat d_post, ConstMat d_comb, Mat d_streams, const HcGradients& d_params) {
  const int64_t d = d_u.cols;
  CHECK(config.mult == m && streams.cols == m * d && params.fn.out == kHcSiteRows);
  Buffer products_buffer(streams.rows * kHcSiteRows), logits_buffer(streams.rows * kHcSiteRows);
  const Mat products = products_buffer.mat(streams.rows, kHcSiteRows);
  const Mat d_logits = logits_buffer.mat(streams.rows, kHcSiteRows);
  forward().linear_fp32(streams, params.fn, products);
  for (int64_t t = 0; t < streams.rows; ++t) {
    const float* const z = streams.row(t);
    const float rho = 1.0f / std::sqrt(sumsq16(z, m * d) / static_cast<float>(m * d) + config.norm_eps);
    float g[kHcSiteRows], pre[m], post[m], comb[m * m], d_pre[m];
    for (int64_t i = 0; i < kHcSiteRows; ++i) g[i] = products.row(t)[i] * rho;
    hc_gates(g, params, config, pre, post, comb);
    for (int64_t j = 0; j < m; ++j) {
      d_pre[j] = dot16(z + j * d, d_u.row(t), d);
      float* const to = d_streams.row(t) + j * d;
      for (int64_t c = 0; c < d; ++c) to[c] = std::fma(pre[j], d_u.row(t)[c], to[c]);
    }
    hc_gates_backward(g, params, config, d_pre, d_post.row(t), d_comb.row(t), d_logits.row(t), d_params);
  }
  mixing_logits(streams, params.fn, config.norm_eps, products, d_logits, d_streams, d_params.fn);
}

void ReferenceBackward::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config,
                                ConstMat d_u, Mat d_streams, const HcGradients& d_params) {
  const int64_t d = d_u.cols;
  CHECK(config.mult == m && streams.cols == m * d && params.fn.out == m);
  Buffer products_buffer(streams.rows * m), logits_buffer(streams.rows * m);
  const Mat products = products_buffer.mat(streams.rows, m);
  const Mat d_logits = logits_buffer.mat(streams.rows, m);
  forward().linear_fp32(streams, params.fn, products);
  for (int64_t t = 0; t < streams.rows; ++t) {
    const float* const z = streams.row(t);
    const float rho = 1.0f / std::sqrt(sumsq16(z, m * d) / static_cast<float>(m * d) + config.norm_eps);
    float g[m], pre[m], d_pre[m];
    for (int64_t j = 0; j < m; ++j) g[j] = products.row(t)[j] * rho;
    hc_head_gates(g, params, config, pre);
    for (int64_t j = 0; j < m; ++j) {
      d_pre[j] = dot16(z + j * d, d_u.row(t), d);
      float* const to = d_streams.row(t) + j * d;
      for (int64_t c = 0; c < d; ++c) to[c] = std::fma(pre[j], d_u.row(t)[c], to[c]);
    }
    hc_head_gates_backward(g, params, d_pre, d_logits.row(t), d_params);
  }
  mixing_logits(streams, params.fn, config.norm_eps, products, d_logits, d_streams, d_params.fn);
}

void ReferenceBackward::hc_post(ConstMat streams, ConstMat y, ConstMat post, ConstMat comb, Mat d_streams,
                                Mat d_y, Mat d_post, Mat d_comb) {
  const int64_t d = y.cols;
  CHECK(streams.cols == m * d && d_streams.cols == m * d);
  for (int64_t t = 0; t < y.rows; ++t) {
    float* const g = d_streams.row(t);
    for (int64_t k = 0; k < m; ++k) {
      d_post.row(t)[k] += dot16(y.row(t), g + k * d, d);
      for (int64_t j = 0; j < m; ++j) d_comb.row(t)[j * m + k] += dot16(streams.row(t) + j * d, g + k * d, d);
    }
    for (int64_t c = 0; c < d; ++c) {
      float mixed[m] = {};
      for (int64_t k = 0; k < m; ++k) {
        d_y.row(t)[c] = std::fma(post.row(t)[k], g[k * d + c], d_y.row(t)[c]);
        for (int64_t j = 0; j < m; ++j) mixed[j] = std::fma(comb.row(t)[j * m + k], g[k * d + c], mixed[j]);
      }
      for (int64_t j = 0; j < m; ++j) g[j * d + c] = mixed[j];
    }
  }
}

}  // namespace hadal
