// forward: the model, in straight lines of ops.* calls: prefill chunks of any size, decode, many sequences at
// once.
//
// The result for a token is the same bits however its sequence is cut into calls and whoever else is in the
// batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "model/model.h"
#include "model/state.h"
#include "ops/ops.h"

namespace hadal {

// The next tokens of one sequence: positions state->length() ... Token ids < vocab_size (checked by the
// caller).
struct Slice {
  SequenceState* state = nullptr;
  std::span<const int32_t> ids;
  int64_t logit_rows = 1;  // of the last rows of this slice; 0 = none (a prefill chunk that is not the last)
};

// What a test may watch; called after each layer and, as layers num_hidden_layers ..., after each of the
// drafter.
struct LayerTrace {
  int64_t layer = 0;
  ConstMat streams;                           // [t, 4d], plain residual [t, d]
  std::span<const int32_t> experts;           // [t, top_k], empty for dense layers
  std::span<const float> expert_weights;      // the same
  std::span<const int64_t> index_topk;        // [t, index_topk], layers that pick entries
  std::span<const int64_t> candidate_blocks;  // [t, candidate_topk_blocks], the candidate source
  std::span<const int32_t> engram_rows;       // [t, rows of a token], Engram layers
  ConstMat engram_gate;                       // [t, 4], Engram layers
};

// Scratch for at most max_rows rows a call, reserved once: forward() allocates nothing.
class Workspace {
 public:
  Workspace(const Model& model, int64_t max_rows, int64_t max_logit_rows);
  ~Workspace();
  int64_t max_rows() const { return max_rows_; }
  int64_t max_logit_rows() const { return max_logit_rows_; }
  int64_t bytes() const;
  static int64_t planned_bytes(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows);

  std::function<void(const LayerTrace&)> trace;  // empty = off
  // Teacher forcing (eval --teacher): may overwrite a layer's input streams [t,4d]; empty = off.
  std::function<void(int64_t layer, Mat streams)> before_layer;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  int64_t max_rows_;
  int64_t max_logit_rows_;
  std::unique_ptr<Impl> impl_;
};

struct ForwardResult {
  ConstMat logits;   // [sum of logit_rows, vocab], in slice order; valid until the next call
  ConstMat streams;  // [rows, 4d] after the last layer, what MTP takes
  ConstMat taps;     // [rows, taps * d], what DSpark takes; without it empty
};

// Advances every state by its slice. The sum of ids must be <= max_rows; states must have room.
ForwardResult forward(const Model& model, std::span<const Slice> batch, Workspace& workspace, Ops& ops);

// The MTP block at positions first ... first+t-1 of one sequence: streams[i] are the main model's at that
// position, next_ids[i] the token after it. Fills the MTP ring, which must hold the positions before `first`
// already; logits (for the token after next) of the last logit_rows rows, all of them if logit_rows < 0. The
// result's streams may be fed back for a deeper draft.
ForwardResult mtp_forward(const Model& model, SequenceState& state, int64_t first, ConstMat streams,
                          std::span<const int32_t> next_ids, int64_t logit_rows, Workspace& workspace,
                          Ops& ops);

// The same for several sequences at once: `streams` are those of all slices, one after another.
struct MtpSlice {
  SequenceState* state = nullptr;
  int64_t first = 0;
  std::span<const int32_t> next_ids;
  int64_t logit_rows = 0;
};
ForwardResult mtp_forward(const Model& model, std::span<const MtpSlice> batch, ConstMat streams,
                          Workspace& workspace, Ops& ops);

// DSpark: makes the stages' rows of positions first ... of one sequence out of the main model's taps there.
// Only positions that stay have rows.
void dspark_keep(const Model& model, SequenceState& state, int64_t first, ConstMat taps, Workspace& workspace,
                 Ops& ops);

// Row `row` of a block of drafts says which token follows at first + 1 + row.
struct DraftRow {
  int64_t row = 0;
  std::span<const float> logits;  // [vocab]
  float confidence = 0;           // its sigmoid: how likely the draft is right if those before it are
};
// The token drafted in this row, or nothing to end the block.
using ChooseDraft = std::function<std::optional<int32_t>(const DraftRow&)>;
// Drafts at most `count` tokens behind `next`, which is the one at position `first`; the stages hold the rows
// before it. `choose` is asked for one row after another. Needs dspark_block_size rows and `count` rows of
// logits in the workspace.
void dspark_draft(const Model& model, SequenceState& state, int64_t first, int32_t next, int64_t count,
                  const ChooseDraft& choose, Workspace& workspace, Ops& ops);

}  // namespace hadal
