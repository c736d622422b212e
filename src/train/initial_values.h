// The first values of a model that nothing has trained yet (docs/TRAINING.md gives the reasons).
#pragma once

#include <cstdint>
#include <vector>

#include "train/parameters.h"
#include "train/residual.h"

namespace hadal {

// Masters and values of every parameter; the same seed gives the same bits.
void initialise(const Parameters& parameters, int64_t layers, uint64_t seed,
                Residual residual = Residual::kMhc);

// Independent normal numbers of this spread; `number` tells tensors apart.
void fill_normal(float* values, int64_t count, float spread, uint64_t seed, uint64_t number);

// A hash table [vocab, top_k] of expert ids: tokens by falling count, each to the experts that have the least
// so far; `counts` has the tokens' frequencies (all zero: every token counts alike), and ties fall by the
// seed.
std::vector<int64_t> balanced_hash_table(const std::vector<uint64_t>& counts, int64_t experts, int64_t top_k,
                                         uint64_t seed);

}  // namespace hadal
