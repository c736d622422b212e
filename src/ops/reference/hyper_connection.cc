// The four residual streams (spec 3.1): copies in, one mixed input out, the result spread back, as plain
// loops.
#include "ops/reference/hyper_connection.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

float f32_at(const std::byte* values, int64_t i) { return load_as<float>(values + i * 4); }

// out[i] = dot16(fn row i, z) * rho.
void mix_logits(const float* z, const Weight& fn, float norm_eps, std::span<float> out) {
  CHECK(fn.out == static_cast<int64_t>(out.size()));
  const float rho = 1.0f / std::sqrt(sumsq16(z, fn.in) / static_cast<float>(fn.in) + norm_eps);
  std::vector<float> row(fn.in);
  for (int64_t i = 0; i < fn.out; ++i) {
    decode_weight_row(fn, i, row.data());
    out[i] = dot16(row.data(), z, fn.in) * rho;
  }
}

// The order in which the official tensor operations sum the four streams, without fma. Where a sum is
// half-way between two bf16 values it decides, and one such u of a compressor's input changes an entry for
// every later token.
float sum_in_pairs(const float* gates, int64_t stride, const float* x, int64_t d) {
  return (gates[0] * x[0] + gates[2 * stride] * x[2 * d]) +
         (gates[stride] * x[d] + gates[3 * stride] * x[3 * d]);
}

void mix_streams(const float* z, const float* pre, int64_t d, bool official, float* u) {
  for (int64_t c = 0; c < d; ++c) {
    if (official) {
      u[c] = sum_in_pairs(pre, 1, z + c, d);
      continue;
    }
    float acc = 0;
    for (int64_t j = 0; j < kHcMult; ++j) acc = std::fma(pre[j], z[j * d + c], acc);
    u[c] = acc;
  }
}

}  // namespace

void sinkhorn(float* c, int64_t iterations, float eps) {
  for (int64_t j = 0; j < kHcMult; ++j) {
    float* const row = c + j * kHcMult;
    const float max = *std::max_element(row, row + kHcMult);
    float sum = 0;
    for (int64_t k = 0; k < kHcMult; ++k) sum += row[k] = exp_f32(row[k] - max);
    for (int64_t k = 0; k < kHcMult; ++k) row[k] = row[k] / sum + eps;
  }
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    if (iteration > 0) {
      for (int64_t j = 0; j < kHcMult; ++j) {
        float* const row = c + j * kHcMult;
        float sum = 0;
        for (int64_t k = 0; k < kHcMult; ++k) sum += row[k];
        sum += eps;
        for (int64_t k = 0; k < kHcMult; ++k) row[k] /= sum;
      }
    }
    for (int64_t k = 0; k < kHcMult; ++k) {
      float sum = 0;
      for (int64_t j = 0; j < kHcMult; ++j) sum += c[j * kHcMult + k];
      sum += eps;
      for (int64_t j = 0; j < kHcMult; ++j) c[j * kHcMult + k] /= sum;
    }
  }
}

void hc_gates(const float* g, const HcParams& params, const HcConfig& config, float* pre, float* post,
              float* comb) {
  constexpr int64_t m = kHcMult;
  const auto argument = [&](int64_t i, int64_t site) {
    return std::fma(g[i], f32_at(params.scale, site), f32_at(params.base, i));
  };
  for (int64_t j = 0; j < m; ++j) pre[j] = sigmoid_f32(argument(j, 0)) + config.hc_eps;
  for (int64_t k = 0; k < m; ++k) post[k] = 2.0f * sigmoid_f32(argument(m + k, 1));
  for (int64_t i = 0; i < m * m; ++i) comb[i] = argument(2 * m + i, 2);
  sinkhorn(comb, config.sinkhorn_iters, config.hc_eps);
}

float hc_head_sigmoid(const float* g, const HcParams& params, int64_t j) {
  return sigmoid_f32(std::fma(g[j], f32_at(params.scale, 0), f32_at(params.base, j)));
}

void hc_head_gates(const float* g, const HcParams& params, const HcConfig& config, float* pre) {
  for (int64_t j = 0; j < kHcMult; ++j) pre[j] = hc_head_sigmoid(g, params, j) + config.hc_eps;
}

void ReferenceOps::hc_expand(ConstMat x, int64_t mult, Mat streams) {
  CHECK(streams.rows == x.rows && streams.cols == mult * x.cols);
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t j = 0; j < mult; ++j) std::copy_n(x.row(t), x.cols, streams.row(t) + j * x.cols);
}

void ReferenceOps::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                          Mat comb) {
  CHECK(config.mult == kHcMult && streams.cols == kHcMult * u.cols && params.fn.in == streams.cols);
  const bool official = numerics() == Numerics::kOfficial;
  for (int64_t t = 0; t < streams.rows; ++t) {
    float g[kHcSiteRows], pre[kHcMult];
    mix_logits(streams.row(t), params.fn, config.norm_eps, g);
    hc_gates(g, params, config, pre, post.row(t), comb.row(t));
    mix_streams(streams.row(t), pre, u.cols, official, u.row(t));
  }
  round_activations(u);
}

void ReferenceOps::hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) {
  const int64_t d = y.cols;
  CHECK(streams.cols == kHcMult * d && y.rows == streams.rows);
  const bool official = numerics() == Numerics::kOfficial;
  for (int64_t t = 0; t < streams.rows; ++t) {
    float* const x = streams.row(t);
    for (int64_t c = 0; c < d; ++c) {
      float mixed[kHcMult];
      for (int64_t k = 0; k < kHcMult; ++k) {
        mixed[k] = post.row(t)[k] * y.row(t)[c];
        if (official) {
          mixed[k] += sum_in_pairs(comb.row(t) + k, kHcMult, x + c, d);
          continue;
        }
        for (int64_t j = 0; j < kHcMult; ++j)
          mixed[k] = std::fma(comb.row(t)[j * kHcMult + k], x[j * d + c], mixed[k]);
      }
      for (int64_t k = 0; k < kHcMult; ++k) x[k * d + c] = mixed[k];
    }
  }
  round_activations(streams);
}

void ReferenceOps::hc_collapse(ConstMat streams, ConstMat pre, Mat u) {
  CHECK(streams.cols == kHcMult * u.cols && pre.rows == streams.rows && pre.cols == kHcMult);
  const bool official = numerics() == Numerics::kOfficial;
  for (int64_t t = 0; t < streams.rows; ++t)
    mix_streams(streams.row(t), pre.row(t), u.cols, official, u.row(t));
  round_activations(u);
}

void ReferenceOps::hc_coefficients(ConstMat streams, const HcParams& params, const HcConfig& config, Mat pre,
                                   Mat post, Mat comb) {
  CHECK(config.mult == kHcMult && params.fn.in == streams.cols);
  for (int64_t t = 0; t < streams.rows; ++t) {
    float g[kHcSiteRows];
    mix_logits(streams.row(t), params.fn, config.norm_eps, g);
    hc_gates(g, params, config, pre.row(t), post.row(t), comb.row(t));
  }
}

void ReferenceOps::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) {
  CHECK(config.mult == kHcMult && streams.cols == kHcMult * u.cols && params.fn.in == streams.cols);
  const bool official = numerics() == Numerics::kOfficial;
  for (int64_t t = 0; t < streams.rows; ++t) {
    float g[kHcMult], pre[kHcMult];
    mix_logits(streams.row(t), params.fn, config.norm_eps, g);
    hc_head_gates(g, params, config, pre);
    mix_streams(streams.row(t), pre, u.cols, official, u.row(t));
  }
  round_activations(u);
}

}  // namespace hadal
