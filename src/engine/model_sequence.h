// ModelSequence: a Sequence of the real model: its state, its scratch, its drafter, and snapshots to come
// back to.
//
// The state's rings hold kMaxRollback rows more than the window. `reach_` is the end of what was ever written
// since the rings were last whole, so any length from reach_ - kMaxRollback on is a truncation away; earlier
// ones need a snapshot, and what lies before the first usable one is computed again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/drafter.h"
#include "engine/sequence.h"
#include "model/forward.h"
#include "model/state.h"

namespace hadal {

struct SequenceOptions {
  int64_t max_tokens = 0;
  int64_t max_rows = 512;  // of one forward pass
  bool drafts = true;      // use the drafter where the model has one
  int64_t snapshots = 0;   // places to come back to, beside the end
};

class ModelSequence final : public Sequence {
 public:
  // The model and the ops must outlive it; the ops may serve others between calls.
  ModelSequence(const Model& model, Ops& ops, const SequenceOptions& options);
  // Bytes beside the weights: state, scratch, drafter, snapshots.
  static int64_t planned_bytes(const ModelConfig& config, EntryFormat format, int64_t drafter_layers,
                               const SequenceOptions& options);

  int64_t vocab_size() const override { return model_.config().vocab_size; }
  int64_t max_tokens() const override { return state_.max_tokens(); }
  int64_t max_rows() const override { return workspace_.max_rows(); }
  int64_t length() const override { return state_.length(); }
  std::optional<ConstMat> feed(std::span<const int32_t> ids, int64_t logit_rows,
                               const Cancelled& cancelled) override;
  int64_t rewind(int64_t length) override;
  void remember() override;
  int64_t max_drafts() const override { return drafter_ ? hadal::max_drafts(model_.config()) : 0; }
  std::vector<int32_t> draft(int32_t next, int64_t count, const Draw& draw) override;

 private:
  struct Snapshot {
    SequenceState::Snapshot state;
    int64_t reach;   // reach_ when it was taken
    int64_t usable;  // its first tokens that are still those of this sequence
    // Restored, it can be truncated to this.
    int64_t lowest() const { return std::max<int64_t>(reach - kMaxRollback, 0); }
  };
  int64_t lowest() const { return std::max<int64_t>(reach_ - kMaxRollback, 0); }
  int64_t restore_best(int64_t length);

  const Model& model_;
  Ops& ops_;
  SequenceState state_;
  Workspace workspace_;
  std::unique_ptr<Drafter> drafter_;
  int64_t reach_ = 0;
  int64_t max_snapshots_;
  std::vector<Snapshot> snapshots_;  // oldest first
};

}  // namespace hadal
