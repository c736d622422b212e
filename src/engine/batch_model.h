// BatchModel: a model and the states of several sequences (slots), as the Engine sees them.
//
// ModelBatch is the real one; tests script their own. One thread, except where a pass asks its `go_on`: from
// inside it a pass of the other lane may be run. So a long prompt is read in large pieces while short decode
// passes come in between, layer by layer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/engram_disk.h"
#include "model/state_parts.h"
#include "tensor/tensor.h"

namespace hadal {

class BatchModel {
 public:
  virtual ~BatchModel() = default;

  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_tokens() const = 0;  // of each sequence
  virtual int64_t slots() const = 0;

  // Each lane has its own scratch.
  enum class Lane { kPrompt, kDecode };
  virtual int64_t max_rows(Lane lane) const = 0;        // of one pass
  virtual int64_t max_logit_rows(Lane lane) const = 0;  // of one pass

  // One pass over the next tokens of some slots, each slot once. Logits [sum of logit_rows, vocab], piece
  // after piece, valid until the lane's next pass. Nothing if `go_on` (asked before every layer) said no:
  // every length is as before; slots whose piece had more than kMaxRollback tokens must be cleared or loaded
  // before their next pass.
  struct Piece {
    int64_t slot = 0;
    std::span<const int32_t> ids;
    int64_t logit_rows = 0;  // of the last rows
  };
  using GoOn = std::function<bool()>;
  virtual std::optional<ConstMat> run(Lane lane, std::span<const Piece> pieces, const GoOn& go_on) = 0;

  virtual int64_t length(int64_t slot) const = 0;
  virtual void clear(int64_t slot) = 0;
  // Takes back at most kMaxRollback tokens.
  virtual void truncate(int64_t slot, int64_t length) = 0;

  // What a prefix cache keeps (model/state_parts.h).
  virtual StatePart save_block(int64_t slot, int64_t first, int64_t end) const = 0;
  virtual bool has_tail(int64_t slot, int64_t length, int64_t rollback) const = 0;
  virtual StatePart save_tail(int64_t slot, int64_t length, int64_t rollback) const = 0;
  virtual void load(int64_t slot, const StateParts& parts) = 0;
  virtual int64_t block_bytes(int64_t first, int64_t end) const = 0;
  virtual int64_t tail_bytes(int64_t length, int64_t rollback) const = 0;

  // What reading Engram's tables from the disk has met.
  virtual EngramStats engram_stats() const { return {}; }

  // How many tokens draft() can propose; 0 without a drafter.
  virtual int64_t max_drafts() const = 0;
  // Proposes at most `count` tokens for positions length(slot) + 1 ... when `next` is the one at
  // length(slot), drawn by draw(logits, position) from the drafter's own logits. Not from inside a pass.
  using Draw = std::function<int32_t(std::span<const float> logits, int64_t position)>;
  virtual std::vector<int32_t> draft(int64_t slot, int32_t next, int64_t count, const Draw& draw) = 0;
};

}  // namespace hadal
