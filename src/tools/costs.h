// Costs: the bytes and floating-point operations of a token, counted from a checkpoint's headers. What
// --dry-run and `hadal bench` measure speed against.
//
// Counted is the main model at batch 1: every matrix that a token meets, the chosen experts of each layer,
// one row of the embedding, and what attention reads of the state. MTP block and drafters are left out. An
// operation is a multiplication or an addition of the products, of attention and of index scores; norms,
// rotations and the like are not counted.
#pragma once

#include <cstdint>

#include "formats/checkpoint.h"
#include "ops/ops.h"

namespace hadal {

// Keys of the main attention (window rows and entries) that the token at `position` attends to in a layer.
int64_t attended_keys(const ModelConfig& config, int64_t layer, int64_t position);

class Costs {
 public:
  explicit Costs(const Checkpoint& checkpoint);

  // Bytes that computing the token at `position` (from 0) reads: weights once, and its state.
  int64_t decode_bytes(int64_t position, EntryFormat format) const;
  int64_t weight_bytes() const { return weight_bytes_; }  // of those, the weights

  double decode_flops(int64_t position) const;
  // Tokens first ... first + count - 1, logits of the last one only.
  double prefill_flops(int64_t first, int64_t count) const;

 private:
  double attention_flops(int64_t position) const;

  ModelConfig config_;
  int64_t weight_bytes_ = 0;
  double product_flops_ = 0;  // of a token, without the head
  double head_flops_ = 0;
};

}  // namespace hadal
