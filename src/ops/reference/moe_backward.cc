// Gradients of the router and of the experts (spec 10.1), as plain loops over each expert's visitors.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"
#include "ops/reference/swiglu.h"

namespace hadal {

void ReferenceBackward::moe_route(ConstMat logits, const Ops::RouteParams& params, const int32_t* ids,
                                  ConstMat d_weights, std::span<const float* const> d_share, Mat d_logits) {
  const int64_t k = params.top_k;
  const int64_t experts = logits.cols;
  CHECK(d_weights.cols == k && d_logits.cols == experts);
  CHECK(params.score == Ops::RouteScore::kSqrtSoftplus && params.temperature == 1);
  std::vector<float> s(experts), d_s(experts);
  for (int64_t t = 0; t < logits.rows; ++t) {
    const float* const logit = logits.row(t);
    const int32_t* const chosen = ids + t * k;
    float all = 0;
    for (int64_t e = 0; e < experts; ++e) all += s[e] = std::sqrt(softplus_f32(logit[e]));
    std::fill(d_s.begin(), d_s.end(), 0.0f);
    float sum = 0;
    float inward = 0;
    for (int64_t i = 0; i < k; ++i) sum += s[chosen[i]];
    sum = std::max(sum, 1e-20f);
    for (int64_t i = 0; i < k; ++i) inward = std::fma(d_weights.row(t)[i], s[chosen[i]] / sum, inward);
    for (int64_t i = 0; i < k; ++i)
      d_s[chosen[i]] = (d_weights.row(t)[i] - inward) * (params.routed_scale / sum);
    if (!d_share.empty()) {
      float share = 0;
      for (int64_t e = 0; e < experts; ++e) share = std::fma(d_share[t][e], s[e] / all, share);
      for (int64_t e = 0; e < experts; ++e) d_s[e] += (d_share[t][e] - share) / all;
    }
    for (int64_t e = 0; e < experts; ++e) {
      if (d_s[e] == 0) continue;  // and no division by the s of a logit that is far below zero
      d_logits.row(t)[e] = std::fma(d_s[e], sigmoid_f32(logit[e]) / (2.0f * s[e]), d_logits.row(t)[e]);
    }
  }
}

void ReferenceBackward::swiglu(Mat gate, Mat up, const float* weights, float limit, ConstMat d_hidden,
                               Mat hidden, float* d_weights) {
  std::vector<float> product(gate.cols);
  for (int64_t i = 0; i < gate.rows; ++i) {
    for (int64_t c = 0; c < gate.cols; ++c) {
      const float g = gate.row(i)[c];
      const float u = up.row(i)[c];
      const float g_in = limit > 0 ? std::min(g, limit) : g;
      const float u_in = limit > 0 ? std::clamp(u, -limit, limit) : u;
      const float s = sigmoid_f32(g_in);
      const float silu = g_in * s;
      product[c] = silu * u_in;
      hidden.row(i)[c] = product[c] * weights[i];
      const float d = d_hidden.row(i)[c] * weights[i];
      gate.row(i)[c] = limit > 0 && g > limit ? 0.0f : d * (s * u_in) * std::fma(g_in, 1.0f - s, 1.0f);
      up.row(i)[c] = limit > 0 && std::fabs(u) > limit ? 0.0f : d * silu;
    }
    d_weights[i] = dot16(d_hidden.row(i), product.data(), gate.cols);
  }
}

void ReferenceBackward::moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
                            std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
                            ConstMat d_out, Mat d_x, Mat d_weights,
                            std::span<const ExpertGradients> d_experts, const ExpertGradients& d_shared) {
  const int64_t d = x.cols;
  CHECK(d_out.cols == d && d_x.cols == d && experts.size() == d_experts.size());
  // places[i] = token * top_k + slot of the i-th visitor; of the shared expert, token * top_k alone.
  const auto visit = [&](const ExpertWeights& expert, const ExpertGradients& grad,
                         const std::vector<int64_t>& places, bool routed) {
    const auto count = static_cast<int64_t>(places.size());
    if (count == 0) return;
    const int64_t inner = expert.w1.out;
    const int64_t floats = count * (3 * d + 4 * inner + 2);
    if (moe_scratch_.size() < floats) moe_scratch_ = Buffer(floats);
    float* next = moe_scratch_.data();
    const auto take = [&](int64_t cols) {
      const Mat mat{next, count, cols, cols};
      next += count * cols;
      return mat;
    };
    const Mat in = take(d), g = take(d), d_in = take(d);
    const Mat gate = take(inner), up = take(inner), hidden = take(inner), d_hidden = take(inner);
    float* const scalars = next;  // the visitors' weights, then their gradients
    std::fill_n(d_in.data, count * d, 0.0f);
    std::fill_n(d_hidden.data, count * inner, 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(x.row(places[i] / top_k), d, in.row(i));
      std::copy_n(d_out.row(places[i] / top_k), d, g.row(i));
      scalars[i] = routed ? weights[places[i]] : 1.0f;
    }
    forward().linear(in, expert.w1, gate);
    forward().linear(in, expert.w3, up);
    linear({nullptr, count, inner, inner}, expert.w2, g, d_hidden, nullptr);
    swiglu(gate, up, scalars, limit, d_hidden, hidden, scalars + count);
    linear(hidden, expert.w2, g, {}, grad.w2);
    linear(in, expert.w1, gate, d_in, grad.w1);
    linear(in, expert.w3, up, d_in, grad.w3);
    for (int64_t i = 0; i < count; ++i) {
      float* const to = d_x.row(places[i] / top_k);
      for (int64_t c = 0; c < d; ++c) to[c] += d_in.row(i)[c];
      if (routed) d_weights.row(places[i] / top_k)[places[i] % top_k] += scalars[count + i];
    }
  };
  std::vector<std::vector<int64_t>> visitors(experts.size());
  for (int64_t i = 0; i < x.rows * top_k; ++i) visitors[static_cast<size_t>(ids[i])].push_back(i);
  for (size_t e = 0; e < experts.size(); ++e) visit(experts[e], d_experts[e], visitors[e], true);
  std::vector<int64_t> all(static_cast<size_t>(x.rows));
  for (size_t t = 0; t < all.size(); ++t) all[t] = static_cast<int64_t>(t) * top_k;
  visit(shared, d_shared, all, false);
}

}  // namespace hadal
