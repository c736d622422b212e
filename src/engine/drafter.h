// Drafter: proposes tokens behind the last one, with whatever the checkpoint has for it: an MTP block (one
// token) or DSpark's stages (a block of them, cut where the drafter is not sure).
//
// Both keep rows of their own of the sequence, made of what the main model passes on at each position: its
// streams or its taps. Those of the last window are kept here; rows are computed only when a draft or a
// snapshot needs them. So they are filled over the end of a prompt of any length at the price of one window,
// while drafting rests it costs a copy, and only tokens that stayed have rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/forward.h"
#include "tensor/tensor.h"

namespace hadal {

class Drafter {
 public:
  virtual ~Drafter() = default;
  Drafter(const Drafter&) = delete;
  Drafter& operator=(const Drafter&) = delete;

  // What the main model gave for `ids`, which begin at position `first`: row `row` and on of `result`.
  void observe(int64_t first, std::span<const int32_t> ids, const ForwardResult& result, int64_t row);
  // The sequence has `length` tokens from now on; `restored`: by a snapshot, the drafter's rows with it.
  void rewind(int64_t length, bool restored);
  // Another sequence of `length` tokens, for which nothing was observed.
  void restart(int64_t length);
  // Computes the rows of all that is known.
  void fill_rows();

  // Proposes at most `count` tokens for positions length() + 1 ... when `next` is the one at length(), drawn
  // by draw(logits, position).
  using Draw = std::function<int32_t(std::span<const float> logits, int64_t position)>;
  virtual std::vector<int32_t> draft(int32_t next, int64_t count, const Draw& draw) = 0;

 protected:
  // `width`: values kept of a position. `behind`: how many of the last positions have no row yet, as theirs
  // needs the tokens after them.
  Drafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops, int64_t behind);

  // A row's source in the main model's result, and the rows of positions first ..., whose sources are `kept`.
  virtual ConstMat source(const ForwardResult& result) const = 0;
  virtual void run(int64_t first, ConstMat kept, std::span<const int32_t> next_ids, bool is_last) = 0;
  // Computes the missing rows before position `end`; `next` follows the last token.
  void run_rows(int64_t end, int32_t next = 0);

  const Model& model_;
  SequenceState& state_;
  Workspace& workspace_;
  Ops& ops_;

  int64_t length() const { return length_; }
  bool knows_end() const { return oldest_ < length_; }

 private:
  // Of position p at row p % capacity_: kept for [oldest_, length_), and without a row yet for [pending_,
  // length_).
  int64_t behind_;
  int64_t capacity_;
  int64_t width_;
  int64_t oldest_ = 0;
  int64_t pending_ = 0;
  int64_t length_ = 0;
  Buffer kept_;               // [capacity, width]
  std::vector<int32_t> ids_;  // [capacity]
};

// For the model's own drafter; null where it has none.
std::unique_ptr<Drafter> make_drafter(const Model& model, SequenceState& state, Workspace& workspace,
                                      Ops& ops);
int64_t planned_drafter_bytes(const ModelConfig& config);

}  // namespace hadal
