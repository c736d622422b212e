// Step: the bookkeeping of one forward pass: which row is which position of which sequence, which stored rows
// a query sees, which compressor blocks finish, and what goes into the rings afterwards. No arithmetic on
// activations.
//
// A chunk's own rows stay in scratch while its queries run: written straight into a ring they would overwrite
// rows that earlier queries of the chunk still see. keep_*() copy the last ones into the rings when the layer
// is done.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "model/forward.h"
#include "model/scratch.h"

namespace hadal {

struct Rows {
  int64_t first = 0;
  int64_t count = 0;
};

using CompressorRing = CompressorState LayerState::*;

class Step {
 public:
  Step(const ModelConfig& config, EntryFormat format, Scratch& scratch);

  // The next rows: `ids` at positions first_position ... of the sequence that owns `layers`.
  void add(LayerState* layers, int64_t first_position, std::span<const int32_t> ids);
  // The same for rows without ids.
  void add_rows(LayerState* layers, int64_t first_position, int64_t count);

  // What the rows that attention reads and the indexer's keys are kept as.
  const KeyForms& forms() const { return forms_; }
  const IndexKeyForm& index_keys() const { return index_keys_; }

  int64_t rows() const { return rows_; }
  Rows all() const { return {0, rows_}; }
  std::span<const Segment> segments() const { return {s_.segments, static_cast<size_t>(segments_)}; }
  std::span<const int32_t> ids() const { return {s_.ids, static_cast<size_t>(rows_)}; }
  std::span<const int64_t> positions(Rows part) const {
    return {s_.positions + part.first, static_cast<size_t>(part.count)};
  }
  // Calls fn(segment, rows) for what each sequence has in `part`.
  template <typename Fn>
  void for_each_segment(Rows part, Fn&& fn) const {
    for (const Segment& segment : segments()) {
      const int64_t first = std::max(part.first, segment.first_row);
      const int64_t end = std::min(part.first + part.count, segment.first_row + segment.rows);
      if (first < end) fn(segment, Rows{first, end - first});
    }
  }

  // Where the new window rows are stored until keep_window().
  std::span<std::byte* const> new_kv_rows() const { return {s_.row_pointers, static_cast<size_t>(rows_)}; }
  void keep_window(int64_t layer) const;

  // The blocks that finish in this step, all sequences one after another: their slots in the new rows of kv
  // and score or, where older, in the ring. block_positions() and entry_rows() are theirs until the next
  // call.
  std::span<const PoolSlots> finished_blocks(int64_t ratio, bool overlap, int64_t layer, CompressorRing ring,
                                             ConstMat kv, ConstMat score);
  // The same for entries of one token: every row is finished.
  void every_row();
  std::span<const int64_t> block_positions() const {
    return {s_.block_positions, static_cast<size_t>(blocks_)};
  }
  std::span<std::byte* const> entry_rows(int64_t layer, int64_t ratio) const;
  // Calls fn(segment, blocks): which of the finished blocks are this sequence's.
  template <typename Fn>
  void for_each_finished(int64_t ratio, Fn&& fn) const {
    int64_t first = 0;
    for (const Segment& segment : segments()) {
      const int64_t count = segment.end_position() / ratio - segment.first_position / ratio;
      if (count > 0) fn(segment, Rows{first, count});
      first += count;
    }
  }
  void keep_compressor(int64_t layer, CompressorRing ring, ConstMat kv, ConstMat score) const;

  // ids [count] <- the class of the row's own id, of the one before it, ...; `pad` before the start.
  void recent_ids(int64_t layer, std::span<const int32_t> classes, int64_t count, int32_t pad, int64_t row,
                  int32_t* ids) const;
  void keep_history(int64_t layer) const;

  // The next rows from `first` on whose keys fit the scratch: at least one, at most kQueryTile.
  Rows query_tile(int64_t first, const KeySource& source) const;
  // Entries that each row may see: those whose block is complete at its position.
  std::span<const int64_t> visible(Rows part, int64_t ratio) const;
  // What each query attends to: its window in this layer, then the picked or all visible entries of the
  // owner.
  std::span<const KeyRows> keys(Rows tile, int64_t layer, const KeySource& source) const;

 private:
  int64_t first_in_window(int64_t position) const {
    return std::max<int64_t>(0, position - config_.sliding_window + 1);
  }
  int64_t key_limit(int64_t position, const KeySource& source) const;
  int64_t append_window(const Segment& segment, int64_t layer, int64_t position, const KeySource& source,
                        const std::byte** to) const;
  int64_t append_entries(const LayerState& state, int64_t row, const KeySource& source,
                         const std::byte** to) const;

  const ModelConfig& config_;
  const KeyForms forms_;
  const IndexKeyForm index_keys_;
  const int64_t window_bytes_;
  const int64_t entry_bytes_;
  Scratch& s_;
  int64_t rows_ = 0;
  int64_t segments_ = 0;
  int64_t blocks_ = 0;
};

}  // namespace hadal
