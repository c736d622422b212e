// Log probabilities of tokens: natural logarithms of the softmax of the model's own logits, before bias,
// penalties, temperature and filters. Computed in double in one fixed order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

struct TokenLogprob {
  int32_t id = 0;
  double logprob = 0;
};

struct Logprobs {
  double chosen = 0;
  std::vector<TokenLogprob> top;  // most likely first, lowest id first among equals
};

// `top_count` 0: only the chosen token's; more than the vocabulary: all of it.
Logprobs logprobs_of(std::span<const float> logits, int32_t chosen, int64_t top_count);

}  // namespace hadal
