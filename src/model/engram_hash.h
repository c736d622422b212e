// Engram's hashing (spec B.2): which multipliers and primes a layer has, and the table rows of a position.
//
// Exact integers, given by the config alone: multipliers come from a PCG64 stream seeded by the layer's
// number, primes are the next unused ones above engram_vocab_size - 1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/config.h"
#include "model/model.h"

namespace hadal {

// Of the table of layer config.layer_ids[index]: its rows are as many as they add up to.
std::vector<uint64_t> engram_primes(const EngramConfig& config, size_t index);
// Of the layer config.layer_ids[index]. Error(kInvalidModel) unless its primes add up to
// num_embeddings[index].
EngramHash engram_hash(const EngramConfig& config, size_t index);

// history: compressed ids of the position itself, the one before it, ...; [max_ngram]. rows: order-major,
// then head.
void engram_rows(const EngramHash& hash, std::span<const int32_t> history, int32_t* rows);

}  // namespace hadal
