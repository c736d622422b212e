// moe_route: which experts a token goes to and with what weight (spec 3.7). fp32 in every numerics.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "ops/elementary.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

// Marks the experts outside the best groups with -inf.
void drop_groups(std::vector<float>& biased, int64_t groups, int64_t top_groups) {
  const auto size = static_cast<int64_t>(biased.size()) / groups;
  std::vector<float> scores;
  std::vector<int64_t> order;
  for (int64_t g = 0; g < groups; ++g) {
    std::vector<float> members(biased.begin() + g * size, biased.begin() + (g + 1) * size);
    std::partial_sort(members.begin(), members.begin() + std::min<int64_t>(2, size), members.end(),
                      std::greater<>());
    scores.push_back(size > 1 ? members[0] + members[1] : members[0]);
    order.push_back(g);
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  for (int64_t i = top_groups; i < groups; ++i)
    std::fill_n(biased.begin() + order[i] * size, size, -std::numeric_limits<float>::infinity());
}

// The k experts with the largest biased score, the lowest id first among equals, into ids.
void pick_best(const std::vector<float>& scores, const Ops::RouteParams& params, std::span<int32_t> ids) {
  std::vector<float> biased(scores);
  for (size_t e = 0; e < biased.size(); ++e) biased[e] += load_as<float>(params.bias + e * 4);
  if (params.groups > 1) drop_groups(biased, params.groups, params.top_groups);
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return biased[a] > biased[b]; });
  std::copy_n(order.begin(), ids.size(), ids.begin());
}

float score_of(float logit, const Ops::RouteParams& params) {
  if (params.score == Ops::RouteScore::kSigmoid) return sigmoid_f32(logit);
  return std::sqrt(softplus_f32(params.temperature == 1 ? logit : logit / params.temperature));
}

}  // namespace

void ReferenceOps::moe_route(ConstMat logits, const RouteParams& params, std::span<const int32_t> token_ids,
                             int32_t* ids, float* weights) {
  const int64_t k = params.top_k;
  CHECK(static_cast<int64_t>(token_ids.size()) == logits.rows && k <= logits.cols);
  std::vector<float> scores(logits.cols);
  for (int64_t t = 0; t < logits.rows; ++t) {
    for (int64_t e = 0; e < logits.cols; ++e) scores[e] = score_of(logits.row(t)[e], params);
    const std::span<int32_t> row(ids + t * k, static_cast<size_t>(k));
    if (params.tid2eid != nullptr) {
      for (int64_t i = 0; i < k; ++i)
        row[i] = static_cast<int32_t>(load_as<int64_t>(params.tid2eid + (token_ids[t] * k + i) * 8));
    } else {
      pick_best(scores, params, row);
    }
    std::sort(row.begin(), row.end());
    float sum = 0;
    for (const int32_t e : row) sum += scores[e];
    for (int64_t i = 0; i < k; ++i)
      weights[t * k + i] = scores[row[i]] / std::max(sum, 1e-20f) * params.routed_scale;
  }
}

}  // namespace hadal
