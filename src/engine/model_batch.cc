#include "engine/model_batch.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "engine/layer_hook.h"

namespace hadal {
namespace {

// Rows of logits of a pass over prompts beside one for each that ends: of those whose tokens' probabilities
// are wanted.
constexpr int64_t kPromptLogitRows = 16;

// A lone sequence may have drafts.
int64_t decode_rows(const ModelConfig& config, const BatchOptions& options) {
  return std::max(options.slots, 1 + max_drafts(config));
}
// Drafts are made in the scratch for prompts.
int64_t prompt_rows(const ModelConfig& config, const BatchOptions& options) {
  return std::max(options.max_rows, config.dspark_block_size);
}
int64_t prompt_logit_rows(const BatchOptions& options) { return options.slots + kPromptLogitRows; }

}  // namespace

ModelBatch::ModelBatch(const Model& model, Ops& ops, const BatchOptions& options)
    : model_(model),
      ops_(ops),
      max_tokens_(options.max_tokens),
      prompt_(model, prompt_rows(model.config(), options), prompt_logit_rows(options)),
      decode_(model, decode_rows(model.config(), options), decode_rows(model.config(), options)) {
  CHECK(options.slots >= 1);
  static_assert(kPromptLogitRows >= kMaxRollback);  // all drafts' logits fit
  const int64_t drafter_layers = options.drafts ? model.drafter_layers() : 0;
  for (int64_t i = 0; i < options.slots; ++i) {
    slots_.push_back(std::make_unique<Slot>(
        Slot{SequenceState(model.config(), ops.entry_format(), max_tokens_, drafter_layers), nullptr}));
    // Drafts are made only between passes, so the larger scratch is free for them.
    Slot& slot = *slots_.back();
    if (options.drafts) slot.drafter = make_drafter(model_, slot.state, prompt_, ops_);
  }
}

int64_t ModelBatch::planned_bytes(const ModelConfig& config, EntryFormat format, int64_t drafter_layers,
                                  const BatchOptions& options) {
  if (!options.drafts) drafter_layers = 0;
  const int64_t slot = plan_state(config, format, options.max_tokens, drafter_layers).total() +
                       (drafter_layers > 0 ? planned_drafter_bytes(config) : 0);
  return options.slots * slot +
         Workspace::planned_bytes(config, prompt_rows(config, options), prompt_logit_rows(options)) +
         Workspace::planned_bytes(config, decode_rows(config, options), decode_rows(config, options));
}

std::optional<ConstMat> ModelBatch::run(Lane lane, std::span<const Piece> pieces, const GoOn& go_on) {
  std::vector<Slice> slices;
  slices.reserve(pieces.size());
  for (const Piece& piece : pieces)
    slices.push_back({&slots_[static_cast<size_t>(piece.slot)]->state, piece.ids, piece.logit_rows});
  const LayerHook hook(workspace(lane), go_on ? std::not_fn(std::cref(go_on)) : std::function<bool()>());
  try {
    const ForwardResult result = forward(model_, slices, workspace(lane), ops_);
    int64_t row = 0;
    for (const Piece& piece : pieces) {
      Slot& slot = *slots_[static_cast<size_t>(piece.slot)];
      const int64_t count = std::ssize(piece.ids);
      if (slot.drafter) slot.drafter->observe(slot.state.length() - count, piece.ids, result, row);
      row += count;
    }
    return result.logits;
  } catch (const PassStopped&) {
    return {};
  }
}

void ModelBatch::clear(int64_t slot) {
  Slot& s = *slots_[static_cast<size_t>(slot)];
  s.state.truncate(0);
  if (s.drafter) s.drafter->restart(0);
}

void ModelBatch::truncate(int64_t slot, int64_t length) {
  Slot& s = *slots_[static_cast<size_t>(slot)];
  s.state.truncate(length);
  if (s.drafter) s.drafter->rewind(length, false);
}

StatePart ModelBatch::save_block(int64_t slot, int64_t first, int64_t end) const {
  return hadal::save_block(state(slot), first, end);
}

bool ModelBatch::has_tail(int64_t slot, int64_t length, int64_t rollback) const {
  return hadal::has_tail(state(slot), length, rollback);
}

StatePart ModelBatch::save_tail(int64_t slot, int64_t length, int64_t rollback) const {
  return hadal::save_tail(state(slot), length, rollback);
}

void ModelBatch::load(int64_t slot, const StateParts& parts) {
  Slot& s = *slots_[static_cast<size_t>(slot)];
  load_parts(s.state, parts);
  if (s.drafter) s.drafter->restart(parts.length);
}

int64_t ModelBatch::block_bytes(int64_t first, int64_t end) const {
  return hadal::block_bytes(state(0), first, end);
}

int64_t ModelBatch::tail_bytes(int64_t length, int64_t rollback) const {
  return hadal::tail_bytes(state(0), length, rollback);
}

std::vector<int32_t> ModelBatch::draft(int64_t slot, int32_t next, int64_t count, const Draw& draw) {
  Slot& s = *slots_[static_cast<size_t>(slot)];
  CHECK(s.drafter && count >= 1);
  return s.drafter->draft(next, count, draw);
}

}  // namespace hadal
