// Recording: the router with its balance loss, the experts, and cross entropy.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "ops/elementary.h"
#include "train/tape_ops.h"

namespace hadal {

// f_e counts the choices, so it has no gradient; P_e is the mean share of e.
const float* TapeOps::balance(RouteRecord& route, ConstMat logits, const int32_t* ids, int64_t top_k) {
  const int64_t experts = logits.cols;
  const auto sequences = static_cast<int64_t>(sequence_ends.size());
  float* const d_shares = arena_.take<float>(sequences * experts);
  std::vector<double> share(static_cast<size_t>(experts));
  std::vector<int64_t> count(static_cast<size_t>(experts));
  int64_t first = 0;
  for (int64_t i = 0; i < sequences; ++i) {
    const int64_t end = sequence_ends[static_cast<size_t>(i)];
    const auto tokens = static_cast<double>(end - first);
    std::fill(share.begin(), share.end(), 0.0);
    std::fill(count.begin(), count.end(), 0);
    for (int64_t t = first; t < end; ++t) {
      double all = 0;
      std::vector<double> s(static_cast<size_t>(experts));
      for (int64_t e = 0; e < experts; ++e) all += s[e] = std::sqrt(softplus_f32(logits.row(t)[e]));
      for (int64_t e = 0; e < experts; ++e) {
        const double of_token = s[e] / all;
        share[e] += of_token;
        if (of_token > 0) route.entropy -= of_token * log_f32(static_cast<float>(of_token));
      }
      for (int64_t k = 0; k < top_k; ++k) ++count[static_cast<size_t>(ids[t * top_k + k])];
    }
    for (int64_t e = 0; e < experts; ++e) {
      const double f = static_cast<double>(count[e] * experts) / (tokens * static_cast<double>(top_k));
      route.balance_loss += f * share[e] / tokens;
      d_shares[i * experts + e] = static_cast<float>(options.balance_weight * f / tokens);
    }
    first = end;
  }
  CHECK(first == logits.rows);
  return d_shares;
}

void TapeOps::moe_route(ConstMat logits, const RouteParams& params, std::span<const int32_t> token_ids,
                        int32_t* ids, float* weights) {
  const int64_t k = params.top_k;
  const ConstMat kept = save(logits);
  forward_.moe_route(logits, params, token_ids, ids, weights);
  const Mat weights_mat{weights, logits.rows, k, k};
  wrote(weights_mat);
  const int32_t* const ids_kept = save_values(ids, logits.rows * k);

  RouteRecord route{params.bias, std::vector<int64_t>(static_cast<size_t>(logits.cols)), 0, logits.rows, 0};
  for (int64_t i = 0; i < logits.rows * k; ++i) ++route.load[static_cast<size_t>(ids[i])];
  const bool balanced = params.bias != nullptr && !sequence_ends.empty();
  const float* const d_shares = balanced ? balance(route, logits, ids, k) : nullptr;
  routes_.push_back(std::move(route));
  record(OpKind::kRouter, [=, this] {
    std::vector<const float*> share_of_token;
    if (balanced && options.balance_weight != 0) {
      for (size_t i = 0; i < sequence_ends.size(); ++i)
        share_of_token.resize(static_cast<size_t>(sequence_ends[i]),
                              d_shares + static_cast<int64_t>(i) * kept.cols);
    }
    backward_.moe_route(kept, params, ids_kept, gradient(weights_mat), share_of_token, gradient(logits));
    zero(gradient(weights_mat));
  });
}

void TapeOps::moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
                  std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit, Mat out) {
  const ConstMat x_kept = save(x);
  const Mat weights_mat{const_cast<float*>(weights), x.rows, top_k, top_k};
  const ConstMat weights_kept = save(weights_mat);
  const int32_t* const ids_kept = save_values(ids, x.rows * top_k);
  forward_.moe(x, ids, weights, top_k, experts, shared, limit, out);
  wrote(out);
  const auto gradients_of = [this](const ExpertWeights& expert) {
    return ExpertGradients{parameter_gradient(expert.w1.data), parameter_gradient(expert.w2.data),
                           parameter_gradient(expert.w3.data)};
  };
  std::vector<ExpertGradients> d_experts;
  d_experts.reserve(experts.size());
  for (const ExpertWeights& expert : experts) d_experts.push_back(gradients_of(expert));
  record(OpKind::kExperts, [=, this, d_experts = std::move(d_experts), d_shared = gradients_of(shared)] {
    backward_.moe(x_kept, ids_kept, weights_kept.data, top_k, experts, shared, limit, gradient(out),
                  gradient(x), gradient(weights_mat), d_experts, d_shared);
    zero(gradient(out));
  });
}

// The logits of a few rows stay in the cache while they become losses, their gradients, and what these mean
// for the head and for x.
void TapeOps::losses_at_head(ConstMat x, const Weight& w) {
  constexpr int64_t kRowsAtOnce = 256;
  const HeadLoss loss = std::exchange(head_loss_, {});
  CHECK(static_cast<int64_t>(loss.targets.size()) == x.rows && loss.losses.size() == loss.targets.size());
  int64_t count = 0;
  int64_t* const rows = arena_.take<int64_t>(x.rows);
  for (int64_t t = 0; t < x.rows; ++t) {
    loss.losses[static_cast<size_t>(t)] = 0;
    if (loss.targets[static_cast<size_t>(t)] >= 0) rows[count++] = t;
  }
  const Mat d_x = arena_.take_mat(count, x.cols);
  std::fill_n(d_x.data, count * x.cols, 0.0f);
  if (head_memory_.size() < kRowsAtOnce * (w.out + x.cols))
    head_memory_ = Buffer(kRowsAtOnce * (w.out + x.cols));
  const std::vector<float> weights(kRowsAtOnce, loss.weight);
  std::vector<int32_t> targets(kRowsAtOnce);
  std::vector<float> losses(kRowsAtOnce);
  for (int64_t first = 0; first < count; first += kRowsAtOnce) {
    const int64_t some = std::min(kRowsAtOnce, count - first);
    const auto size = static_cast<size_t>(some);
    const Mat logits{head_memory_.data(), some, w.out, w.out};
    const Mat in{logits.data + kRowsAtOnce * w.out, some, x.cols, x.cols};
    for (int64_t i = 0; i < some; ++i) {
      std::copy_n(x.row(rows[first + i]), x.cols, in.row(i));
      targets[static_cast<size_t>(i)] = loss.targets[static_cast<size_t>(rows[first + i])];
    }
    forward_.linear_fp32(in, w, logits);
    backward_.cross_entropy(logits, std::span(targets).first(size), std::span(weights).first(size),
                            std::span(losses).first(size), logits);
    backward_.linear(in, w, logits, d_x.slice(first, some), parameter_gradient(w.data));
    for (int64_t i = 0; i < some; ++i)
      loss.losses[static_cast<size_t>(rows[first + i])] = losses[static_cast<size_t>(i)];
  }
  record(OpKind::kLosses, [=, this] {
    for (int64_t i = 0; i < count; ++i) {
      float* const to = gradients_.at(x.row(rows[i]));
      for (int64_t c = 0; c < x.cols; ++c) to[c] += d_x.row(i)[c];
    }
  });
}

}  // namespace hadal
