// A sequence's state in parts that can be kept elsewhere and put together again, in the same bits: what a
// prefix cache stores.
//
// A block is what kBlockTokens tokens append for good (compressed entries, index keys); a tail is what later
// tokens overwrite (the window's last rows, the compressors' unfinished rows), at one length. Blocks 0 ...
// and a tail make a state again, of this config and entry format only. The drafter's rows are not part of it:
// after load_parts() drafts are poorer for a window, tokens are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/state.h"

namespace hadal {

// A multiple of both ratios and of a tile of index keys.
inline constexpr int64_t kBlockTokens = 128;

using StatePart = std::vector<std::byte>;

// Tokens first ... end - 1; `first` is a multiple of kBlockTokens, `end` at most the next one and at most the
// state's length.
StatePart save_block(const SequenceState& state, int64_t first, int64_t end);
// The tail at `length`, from which truncate() reaches `rollback` tokens back. The state must be at most
// kMaxRollback - rollback tokens longer, and have been.
StatePart save_tail(const SequenceState& state, int64_t length, int64_t rollback);
// Whether a tail can still be saved.
bool has_tail(const SequenceState& state, int64_t length, int64_t rollback);

struct StateParts {
  int64_t length = 0;
  std::vector<std::shared_ptr<const StatePart>> blocks;  // the last one may be short
  std::shared_ptr<const StatePart> tail;
  int64_t rollback = 0;
};
// Replaces all of the state. Parts of another size than this state's are a bug: whoever reads them from
// files checks them first.
void load_parts(SequenceState& state, const StateParts& parts);

// Sizes that parts of this state must have.
int64_t block_bytes(const SequenceState& state, int64_t first, int64_t end);
int64_t tail_bytes(const SequenceState& state, int64_t length, int64_t rollback);

}  // namespace hadal
