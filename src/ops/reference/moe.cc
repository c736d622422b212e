// moe: the routed experts of each token and the shared one (spec 3.7), expert after expert.
#include <algorithm>
#include <vector>

#include "ops/elementary.h"
#include "ops/reference/reference_ops.h"
#include "ops/reference/swiglu.h"

namespace hadal {
namespace {

// The tokens that chose one expert, their inputs and routing weights.
struct Visitors {
  std::vector<int64_t> tokens;
  std::vector<float> weights;
};

Visitors visitors_of(int32_t expert, const int32_t* ids, const float* weights, int64_t tokens,
                     int64_t top_k) {
  Visitors visitors;
  for (int64_t i = 0; i < tokens * top_k; ++i) {
    if (ids[i] != expert) continue;
    visitors.tokens.push_back(i / top_k);
    visitors.weights.push_back(weights[i]);
  }
  return visitors;
}

}  // namespace

void ReferenceOps::moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
                       std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
                       Mat out) {
  CHECK(x.rows == out.rows && x.cols == out.cols);
  for (int64_t t = 0; t < out.rows; ++t) std::fill_n(out.row(t), out.cols, 0.0f);
  const auto add_expert = [&](const ExpertWeights& expert, const Visitors& visitors) {
    const auto count = static_cast<int64_t>(visitors.tokens.size());
    if (count == 0) return;
    Buffer input(count * x.cols), gate(count * expert.w1.out), up(count * expert.w3.out), y(count * x.cols);
    const Mat in = input.mat(count, x.cols), g = gate.mat(count, expert.w1.out),
              u = up.mat(count, expert.w3.out);
    for (int64_t i = 0; i < count; ++i) std::copy_n(x.row(visitors.tokens[i]), x.cols, in.row(i));
    linear(in, expert.w1, g);
    linear(in, expert.w3, u);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < g.cols; ++c)
        g.row(i)[c] = swiglu(g.row(i)[c], u.row(i)[c], limit) * visitors.weights[i];
    }
    round_activations(g);
    linear(g, expert.w2, y.mat(count, x.cols));
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < x.cols; ++c) out.row(visitors.tokens[i])[c] += y.data()[i * x.cols + c];
    }
  };
  for (size_t e = 0; e < experts.size(); ++e)
    add_expert(experts[e], visitors_of(static_cast<int32_t>(e), ids, weights, x.rows, top_k));
  Visitors all;
  for (int64_t t = 0; t < x.rows; ++t) all.tokens.push_back(t);
  all.weights.assign(static_cast<size_t>(x.rows), 1.0f);
  add_expert(shared, all);
  round_activations(out);
}

}  // namespace hadal
