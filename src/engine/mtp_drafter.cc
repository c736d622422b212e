#include "engine/mtp_drafter.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

int64_t capacity_of(const ModelConfig& config) { return config.sliding_window + kMaxRollback; }
int64_t width_of(const ModelConfig& config) { return config.hc_mult * config.hidden_size; }

}  // namespace

MtpDrafter::MtpDrafter(const Model& model, SequenceState& state, Workspace& workspace, Ops& ops)
    : model_(model),
      state_(state),
      workspace_(workspace),
      ops_(ops),
      capacity_(capacity_of(model.config())),
      streams_(capacity_ * width_of(model.config())),
      ids_(capacity_) {}

int64_t MtpDrafter::planned_bytes(const ModelConfig& config) {
  return capacity_of(config) * (width_of(config) * 4 + 4);
}

void MtpDrafter::observe(int64_t first, std::span<const int32_t> ids, ConstMat streams) {
  CHECK(first == length_ && streams.rows == static_cast<int64_t>(ids.size()));
  const Mat kept = streams_.mat(capacity_, width_of(model_.config()));
  const int64_t skipped = std::max<int64_t>(streams.rows - capacity_, 0);
  for (int64_t i = skipped; i < streams.rows; ++i) {
    const int64_t row = (first + i) % capacity_;
    std::copy_n(streams.row(i), kept.cols, kept.row(row));
    ids_[row] = ids[i];
  }
  length_ = first + streams.rows;
  oldest_ = std::max(oldest_, length_ - capacity_);
  pending_ = std::max(pending_, oldest_);
}

void MtpDrafter::rewind(int64_t length, bool restored) {
  length_ = length;
  oldest_ = std::min(oldest_, length);
  // The row before `length` was computed with a token that may be another one now.
  pending_ = std::max(oldest_, std::min(pending_, length - 1));
  // What a snapshot brought back was filled when it was taken, except for its last row.
  if (restored) pending_ = std::max(oldest_, length - 1);
}

void MtpDrafter::restart(int64_t length) { length_ = oldest_ = pending_ = length; }

void MtpDrafter::fill_ring() { run_rows(length_ - 1, false); }

std::span<const float> MtpDrafter::draft_logits(int32_t next) {
  CHECK(length_ > 0 && pending_ < length_);
  ids_[length_ % capacity_] = next;
  const ConstMat logits = run_rows(length_, true);
  return {logits.row(0), static_cast<size_t>(logits.cols)};
}

// Rows pending_ ... end - 1, in pieces that lie together here; logits of the last one.
ConstMat MtpDrafter::run_rows(int64_t end, bool wants_logits) {
  const Mat kept = streams_.mat(capacity_, width_of(model_.config()));
  ConstMat logits;
  while (pending_ < end) {
    const int64_t row = pending_ % capacity_;
    const int64_t count = std::min({end - pending_, capacity_ - row, workspace_.max_rows()});
    std::vector<int32_t> next_ids(count);
    for (int64_t i = 0; i < count; ++i) next_ids[i] = ids_[(pending_ + i + 1) % capacity_];
    const int64_t logit_rows = wants_logits && pending_ + count == end ? 1 : 0;
    logits =
        mtp_forward(model_, state_, pending_, kept.slice(row, count), next_ids, logit_rows, workspace_, ops_)
            .logits;
    pending_ += count;
  }
  return logits;
}

}  // namespace hadal
