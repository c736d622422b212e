#include "train/residual.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hadal {
namespace {

constexpr int64_t m = 4;
constexpr int64_t kMostGates = m * (m + 2);

const float* floats(const std::byte* values) { return reinterpret_cast<const float*>(values); }

// Eight sums side by side.
float dot(const float* a, const float* b, int64_t n) {
  float sums[8] = {};
  for (int64_t i = 0; i < n; ++i) sums[i % 8] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

int64_t site_of(int64_t i) { return std::min<int64_t>(i / m, 2); }

bool on_diagonal(int64_t i) { return i >= 2 * m && (i - 2 * m) / m == (i - 2 * m) % m; }

float plain_gate(int64_t i) { return i < m ? 0.25f : i < 2 * m || on_diagonal(i) ? 1.0f : 0.0f; }

}  // namespace

float first_hc_base(Residual arm, int64_t i, int64_t size) {
  constexpr float kCombDiagonal = 4.0f;  // a row's softmax is 0.95 on the diagonal
  CHECK(i < size);
  if (arm != Residual::kMhc) return plain_gate(i);
  if (i < m) return std::log(1.0f / 3.0f);
  return on_diagonal(i) ? kCombDiagonal : 0.0f;
}

float ResidualArm::scale(ConstMat streams, int64_t t, const HcConfig& config) const {
  const int64_t n = streams.cols;
  return 1.0f / std::sqrt(dot(streams.row(t), streams.row(t), n) / static_cast<float>(n) + config.norm_eps);
}

void ResidualArm::gates_of(const float* products, float rho, const HcParams& params, int64_t size,
                           float* gates) const {
  for (int64_t i = 0; i < size; ++i)
    gates[i] = arm_ == Residual::kPlain
                   ? plain_gate(i)
                   : std::fma(products[i] * rho, floats(params.scale)[site_of(i)], floats(params.base)[i]);
}

void ResidualArm::mix(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat gates) {
  const int64_t d = u.cols;
  CHECK(config.mult == m && streams.cols == m * d && gates.cols == params.fn.out);
  if (arm_ != Residual::kPlain) forward_.linear_fp32(streams, params.fn, gates);
  for (int64_t t = 0; t < streams.rows; ++t) {
    gates_of(gates.row(t), scale(streams, t, config), params, gates.cols, gates.row(t));
    for (int64_t c = 0; c < d; ++c) {
      float sum = 0;
      for (int64_t j = 0; j < m; ++j) sum = std::fma(gates.row(t)[j], streams.row(t)[j * d + c], sum);
      u.row(t)[c] = sum;
    }
  }
}

void ResidualArm::mix_backward(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                               Mat d_gates, Mat d_streams, const HcGradients& d_params) {
  const int64_t d = d_u.cols, size = d_gates.cols;
  Buffer buffer(streams.rows * size);
  const Mat products = buffer.mat(streams.rows, size);
  if (arm_ != Residual::kPlain) forward_.linear_fp32(streams, params.fn, products);
  for (int64_t t = 0; t < streams.rows; ++t) {
    const float* const z = streams.row(t);
    float* const d_g = d_gates.row(t);
    const float rho = scale(streams, t, config);
    float gates[kMostGates] = {};
    gates_of(products.row(t), rho, params, size, gates);
    for (int64_t j = 0; j < m; ++j) {
      d_g[j] = dot(z + j * d, d_u.row(t), d);
      float* const to = d_streams.row(t) + j * d;
      for (int64_t c = 0; c < d; ++c) to[c] = std::fma(gates[j], d_u.row(t)[c], to[c]);
    }
    if (arm_ == Residual::kPlain) continue;
    float inward = 0;
    for (int64_t i = 0; i < size; ++i) {
      d_params.base[i] += d_g[i];
      d_params.scale[site_of(i)] = std::fma(d_g[i], products.row(t)[i] * rho, d_params.scale[site_of(i)]);
      d_g[i] *= floats(params.scale)[site_of(i)];
      inward = std::fma(d_g[i], products.row(t)[i], inward);
      d_g[i] *= rho;
    }
    inward *= -(rho * rho * rho / static_cast<float>(m * d));
    for (int64_t c = 0; c < m * d; ++c) d_streams.row(t)[c] = std::fma(inward, z[c], d_streams.row(t)[c]);
  }
  if (arm_ != Residual::kPlain) backward_.linear(streams, params.fn, d_gates, d_streams, d_params.fn);
}

}  // namespace hadal
