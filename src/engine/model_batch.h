// ModelBatch: the BatchModel of a real model. All memory is reserved at the start: states, scratch of both
// lanes, drafters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/batch_model.h"
#include "engine/drafter.h"
#include "model/forward.h"

namespace hadal {

struct BatchOptions {
  int64_t slots = 8;       // sequences at once
  int64_t max_tokens = 0;  // of each
  int64_t max_rows = 256;  // of a pass over prompts
  bool drafts = true;      // use the drafter where the model has one
};

class ModelBatch final : public BatchModel {
 public:
  // The model and the ops must outlive it, and nobody else may use the ops during a pass.
  ModelBatch(const Model& model, Ops& ops, const BatchOptions& options);
  // Bytes beside the weights.
  static int64_t planned_bytes(const ModelConfig& config, EntryFormat format, int64_t drafter_layers,
                               const BatchOptions& options);

  int64_t vocab_size() const override { return model_.config().vocab_size; }
  int64_t max_tokens() const override { return max_tokens_; }
  int64_t slots() const override { return std::ssize(slots_); }
  int64_t max_rows(Lane lane) const override { return workspace(lane).max_rows(); }
  int64_t max_logit_rows(Lane lane) const override { return workspace(lane).max_logit_rows(); }
  std::optional<ConstMat> run(Lane lane, std::span<const Piece> pieces, const GoOn& go_on) override;

  int64_t length(int64_t slot) const override { return state(slot).length(); }
  void clear(int64_t slot) override;
  void truncate(int64_t slot, int64_t length) override;

  StatePart save_block(int64_t slot, int64_t first, int64_t end) const override;
  bool has_tail(int64_t slot, int64_t length, int64_t rollback) const override;
  StatePart save_tail(int64_t slot, int64_t length, int64_t rollback) const override;
  void load(int64_t slot, const StateParts& parts) override;
  int64_t block_bytes(int64_t first, int64_t end) const override;
  int64_t tail_bytes(int64_t length, int64_t rollback) const override;

  EngramStats engram_stats() const override { return model_.engram_stats(); }

  int64_t max_drafts() const override { return slots_[0]->drafter ? hadal::max_drafts(model_.config()) : 0; }
  std::vector<int32_t> draft(int64_t slot, int32_t next, int64_t count, const Draw& draw) override;

 private:
  struct Slot {
    SequenceState state;
    std::unique_ptr<Drafter> drafter;
  };
  const SequenceState& state(int64_t slot) const { return slots_[static_cast<size_t>(slot)]->state; }
  const Workspace& workspace(Lane lane) const { return lane == Lane::kPrompt ? prompt_ : decode_; }
  Workspace& workspace(Lane lane) { return lane == Lane::kPrompt ? prompt_ : decode_; }

  const Model& model_;
  Ops& ops_;
  int64_t max_tokens_;
  Workspace prompt_;
  Workspace decode_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace hadal
