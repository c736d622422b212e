#include "engine/model_sequence.h"

#include <algorithm>

#include "base/check.h"
#include "engine/layer_hook.h"

namespace hadal {
namespace {

// Drafts are checked beside the token before them.
int64_t logit_rows(const ModelConfig& config) { return 1 + max_drafts(config); }

int64_t rows(const ModelConfig& config, const SequenceOptions& options) {
  return std::max({options.max_rows, logit_rows(config), config.dspark_block_size});
}

}  // namespace

ModelSequence::ModelSequence(const Model& model, Ops& ops, const SequenceOptions& options)
    : model_(model),
      ops_(ops),
      state_(model.config(), ops.entry_format(), options.max_tokens,
             options.drafts ? model.drafter_layers() : 0),
      workspace_(model, rows(model.config(), options), logit_rows(model.config())),
      max_snapshots_(options.snapshots) {
  if (options.drafts) drafter_ = make_drafter(model_, state_, workspace_, ops_);
}

int64_t ModelSequence::planned_bytes(const ModelConfig& config, EntryFormat format, int64_t drafter_layers,
                                     const SequenceOptions& options) {
  if (!options.drafts) drafter_layers = 0;
  const StatePlan state = plan_state(config, format, options.max_tokens, drafter_layers);
  return state.total() + options.snapshots * state.snapshot +
         (drafter_layers > 0 ? planned_drafter_bytes(config) : 0) +
         Workspace::planned_bytes(config, rows(config, options), logit_rows(config));
}

std::optional<ConstMat> ModelSequence::feed(std::span<const int32_t> ids, int64_t logit_rows,
                                            const Cancelled& cancelled) {
  const int64_t first = state_.length();
  CHECK(first >= lowest());
  reach_ = std::max(reach_, first + static_cast<int64_t>(ids.size()));
  const LayerHook hook(workspace_, cancelled);
  const Slice slice{&state_, ids, logit_rows};
  try {
    const ForwardResult result = forward(model_, {&slice, 1}, workspace_, ops_);
    if (drafter_) drafter_->observe(first, ids, result, 0);
    return result.logits;
  } catch (const PassStopped&) {
    return {};
  }
}

int64_t ModelSequence::rewind(int64_t length) {
  CHECK(length >= 0 && length <= state_.length());
  bool restored = false;
  if (length < lowest()) {
    length = restore_best(length);
    restored = true;
  }
  if (length < state_.length()) state_.truncate(length);
  for (Snapshot& snapshot : snapshots_) snapshot.usable = std::min(snapshot.usable, length);
  std::erase_if(snapshots_, [](const Snapshot& s) { return s.usable < std::max<int64_t>(s.lowest(), 1); });
  if (drafter_) drafter_->rewind(length, restored);
  return length;
}

// Restores what leads to the longest length up to `length`, which it returns. Without a usable snapshot that
// is 0.
int64_t ModelSequence::restore_best(int64_t length) {
  const Snapshot* best = nullptr;
  int64_t reached = 0;
  for (const Snapshot& snapshot : snapshots_) {
    const int64_t usable = std::min(snapshot.usable, length);
    if (usable < snapshot.lowest() || usable <= reached) continue;
    best = &snapshot;
    reached = usable;
  }
  if (best != nullptr) state_.restore(best->state);
  reach_ = best != nullptr ? best->reach : 0;
  return reached;
}

void ModelSequence::remember() {
  if (max_snapshots_ == 0) return;
  if (drafter_) drafter_->fill_rows();
  const int64_t length = state_.length();
  std::erase_if(snapshots_, [&](const Snapshot& s) { return s.state.length == length; });
  if (static_cast<int64_t>(snapshots_.size()) == max_snapshots_) snapshots_.erase(snapshots_.begin());
  snapshots_.push_back({state_.snapshot(), reach_, length});
}

std::vector<int32_t> ModelSequence::draft(int32_t next, int64_t count, const Draw& draw) {
  CHECK(drafter_ && count >= 1);
  return drafter_->draft(next, count, draw);
}

}  // namespace hadal
