#include "engine/drafter.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace hadal {
namespace {

// A draft that is less likely to be right than this is not worth its row.
constexpr float kLeastConfidence = 0;  // before the sigmoid: one half

int64_t capacity_of(const ModelConfig& config) { return config.sliding_window + kMaxRollback; }
int64_t width_of(const ModelConfig& config) {
  const bool dspark = config.dspark_block_size > 0;
  return (dspark ? std::ssize(config.dspark_target_layer_ids) : config.hc_mult) * config.hidden_size;
}

// The row of a position needs its streams and the token after it (spec 3.9).
class MtpDrafter final : public Drafter {
 public:
  MtpDrafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops)
      : Drafter(model, state, workspace, ops, 1) {}

  std::vector<int32_t> draft(int32_t next, int64_t count, const Draw& draw) override {
    CHECK(count >= 1);
    rewind(length(), false);  // the last row is of another `next`, if there is one
    if (!knows_end()) return {};
    run_rows(length(), next);
    return {draw({logits_.row(0), static_cast<size_t>(logits_.cols)}, length() + 1)};
  }

 private:
  ConstMat source(const ForwardResult& result) const override { return result.streams; }
  void run(int64_t first, ConstMat kept, std::span<const int32_t> next_ids, bool is_last) override {
    logits_ = mtp_forward(model_, state_, first, kept, next_ids, is_last ? 1 : 0, workspace_, ops_).logits;
  }

  ConstMat logits_;
};

// The row of a position needs its taps alone.
class DsparkDrafter final : public Drafter {
 public:
  DsparkDrafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops)
      : Drafter(model, state, workspace, ops, 0) {}

  std::vector<int32_t> draft(int32_t next, int64_t count, const Draw& draw) override {
    run_rows(length());
    std::vector<int32_t> drafts;
    const auto choose = [&](const DraftRow& row) -> std::optional<int32_t> {
      // This row's token is not known yet, so the cut favours none.
      if (row.confidence < kLeastConfidence) return {};
      drafts.push_back(draw(row.logits, length() + 1 + row.row));
      return drafts.back();
    };
    dspark_draft(model_, state_, length(), next, count, choose, workspace_, ops_);
    return drafts;
  }

 private:
  ConstMat source(const ForwardResult& result) const override { return result.taps; }
  void run(int64_t first, ConstMat kept, std::span<const int32_t>, bool) override {
    dspark_keep(model_, state_, first, kept, workspace_, ops_);
  }
};

}  // namespace

Drafter::Drafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops, int64_t behind)
    : model_(model),
      state_(state),
      workspace_(workspace),
      ops_(ops),
      behind_(behind),
      capacity_(capacity_of(model.config())),
      width_(width_of(model.config())),
      kept_(capacity_ * width_),
      ids_(static_cast<size_t>(capacity_)) {}

void Drafter::observe(int64_t first, std::span<const int32_t> ids, const ForwardResult& result, int64_t row) {
  CHECK(first == length_);
  const ConstMat from = source(result).slice(row, std::ssize(ids));
  const Mat kept = kept_.mat(capacity_, width_);
  const int64_t skipped = std::max<int64_t>(from.rows - capacity_, 0);
  for (int64_t i = skipped; i < from.rows; ++i) {
    const int64_t at = (first + i) % capacity_;
    std::copy_n(from.row(i), kept.cols, kept.row(at));
    ids_[static_cast<size_t>(at)] = ids[static_cast<size_t>(i)];
  }
  length_ = first + from.rows;
  oldest_ = std::max(oldest_, length_ - capacity_);
  pending_ = std::max(pending_, oldest_);
}

void Drafter::rewind(int64_t length, bool restored) {
  length_ = length;
  oldest_ = std::min(oldest_, length);
  // A row that was computed with the token at `length` may be of another one now.
  const int64_t filled = std::max(length - behind_, oldest_);
  // What a snapshot brought back was filled when it was taken.
  pending_ = restored ? filled : std::clamp(pending_, oldest_, filled);
  for (LayerState& layer : state_.drafter) layer.window_begin = std::min(layer.window_begin, length);
}

void Drafter::restart(int64_t length) {
  length_ = oldest_ = pending_ = length;
  for (LayerState& layer : state_.drafter) layer.window_begin = length;
}

void Drafter::fill_rows() { run_rows(length_ - behind_); }

// In pieces that lie together here.
void Drafter::run_rows(int64_t end, int32_t next) {
  ids_[static_cast<size_t>(length_ % capacity_)] = next;
  const Mat kept = kept_.mat(capacity_, width_);
  std::vector<int32_t> next_ids;
  while (pending_ < end) {
    const int64_t row = pending_ % capacity_;
    const int64_t count = std::min({end - pending_, capacity_ - row, workspace_.max_rows()});
    next_ids.clear();
    for (int64_t i = 0; i < count; ++i)
      next_ids.push_back(ids_[static_cast<size_t>((pending_ + i + 1) % capacity_)]);
    run(pending_, kept.slice(row, count), next_ids, pending_ + count == end);
    pending_ += count;
  }
}

std::unique_ptr<Drafter> make_drafter(const Model& model, SequenceState& state, Workspace& workspace,
                                      Ops& ops) {
  if (model.mtp) return std::make_unique<MtpDrafter>(model, state, workspace, ops);
  if (model.dspark) return std::make_unique<DsparkDrafter>(model, state, workspace, ops);
  return nullptr;
}

int64_t planned_drafter_bytes(const ModelConfig& config) {
  return capacity_of(config) * (width_of(config) * 4 + 4);
}

}  // namespace hadal
