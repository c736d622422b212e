// Selection of the best entries, shared by the reference and the official indexer.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "ops/ops.h"

namespace hadal {

// Scores as integers of the same order, equal where the scores compare equal.
inline uint32_t score_key(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

// Whether the choice of a token with so many visible entries depends on their scores.
bool needs_scores(int64_t visible, const IndexChoice& choice);
// Token t's picks and, where asked for, blocks.
void choose(std::span<const float> scores, const IndexChoice& choice, int64_t t);

// The min(topk, scores.size()) largest, the lowest index first among equals, ascending; then -1 up to topk.
void pick_best(std::span<const float> scores, int64_t topk, int64_t* picks /*[topk]*/);

}  // namespace hadal
