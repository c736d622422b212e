// MtpDrafter: drafts the next-but-one token with the checkpoint's MTP block (spec 3.9).
//
// Row i of the block needs the streams of position i and the token at i + 1. The streams of the last window
// are kept here; rows are computed, which fills the block's ring, only when a draft or a snapshot needs them.
// So the ring is filled over the end of a prompt of any length at the price of one window, and while drafting
// rests it costs a copy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/forward.h"
#include "tensor/tensor.h"

namespace hadal {

class MtpDrafter {
 public:
  MtpDrafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops);
  static int64_t planned_bytes(const ModelConfig& config);

  // The main model's streams [rows, 4d] of `ids`, which begin at position `first`.
  void observe(int64_t first, std::span<const int32_t> ids, ConstMat streams);
  // The sequence has `length` tokens from now on; `restored`: by a snapshot, the ring with it.
  void rewind(int64_t length, bool restored);
  // Another sequence of `length` tokens, whose streams are not known: drafts need one more to be observed.
  void restart(int64_t length);
  // Computes the rows whose next token is known.
  void fill_ring();
  // Logits [vocab] for the token after `next`, which is the one at position length().
  std::span<const float> draft_logits(int32_t next);

 private:
  ConstMat run_rows(int64_t end, bool wants_logits);

  const Model& model_;
  SequenceState& state_;
  Workspace& workspace_;
  Ops& ops_;
  // Of position p at row p % capacity_: kept for [oldest_, length_), and not in the ring yet for [pending_,
  // length_).
  int64_t capacity_;
  int64_t oldest_ = 0;
  int64_t pending_ = 0;
  int64_t length_ = 0;
  Buffer streams_;            // [capacity, 4d]
  std::vector<int32_t> ids_;  // [capacity]
};

}  // namespace hadal
