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

bool uses_mtp(bool has_mtp, const BatchOptions& options) { return options.drafts && has_mtp; }

int64_t prompt_logit_rows(const BatchOptions& options) { return options.slots + kPromptLogitRows; }
// A lone sequence may have a draft.
int64_t decode_rows(const BatchOptions& options) { return std::max<int64_t>(options.slots, 2); }

}  // namespace

ModelBatch::ModelBatch(const Model& model, Ops& ops, const BatchOptions& options)
    : model_(model),
      ops_(ops),
      max_tokens_(options.max_tokens),
      prompt_(model, options.max_rows, prompt_logit_rows(options)),
      decode_(model, decode_rows(options), decode_rows(options)) {
  CHECK(options.slots >= 1);
  const bool mtp = uses_mtp(model.mtp != nullptr, options);
  for (int64_t i = 0; i < options.slots; ++i) {
    slots_.push_back(std::make_unique<Slot>(
        Slot{SequenceState(model.config(), ops.entry_format(), max_tokens_, mtp), nullptr}));
    // Drafts are made only between passes, so the larger scratch is free for them.
    Slot& slot = *slots_.back();
    if (mtp) slot.drafter = std::make_unique<MtpDrafter>(model_, slot.state, prompt_, ops_);
  }
}

int64_t ModelBatch::planned_bytes(const ModelConfig& config, EntryFormat format, bool has_mtp,
                                  const BatchOptions& options) {
  const bool mtp = uses_mtp(has_mtp, options);
  const int64_t slot = plan_state(config, format, options.max_tokens, mtp).total() +
                       (mtp ? MtpDrafter::planned_bytes(config) : 0);
  return options.slots * slot +
         Workspace::planned_bytes(config, options.max_rows, prompt_logit_rows(options)) +
         Workspace::planned_bytes(config, decode_rows(options), decode_rows(options));
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
      if (slot.drafter)
        slot.drafter->observe(slot.state.length() - count, piece.ids, result.streams.slice(row, count));
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
  return {draw(s.drafter->draft_logits(next), s.state.length() + 1)};
}

}  // namespace hadal
