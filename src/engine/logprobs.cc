#include "engine/logprobs.h"

#include <algorithm>

#include "base/check.h"
#include "engine/log_exp.h"

namespace hadal {

Logprobs logprobs_of(std::span<const float> logits, int32_t chosen, int64_t top_count) {
  CHECK(chosen >= 0 && static_cast<size_t>(chosen) < logits.size());
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += exp_nonpositive(l - largest);
  const double log_sum = largest + log_positive(sum);

  Logprobs result;
  result.chosen = logits[chosen] - log_sum;
  std::vector<int32_t> best;  // a heap whose front is the worst of the best
  const auto better = [&](int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  for (int32_t id = 0; top_count > 0 && static_cast<size_t>(id) < logits.size(); ++id) {
    if (static_cast<int64_t>(best.size()) == top_count) {
      if (!better(id, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
    best.push_back(id);
    std::push_heap(best.begin(), best.end(), better);
  }
  std::sort_heap(best.begin(), best.end(), better);
  for (const int32_t id : best) result.top.push_back({id, logits[id] - log_sum});
  return result;
}

}  // namespace hadal
