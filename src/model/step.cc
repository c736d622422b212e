#include "model/step.h"

#include <cstring>

namespace hadal {
namespace {

// Copies the segment's last rows of `from` into its ring of `ring_rows` rows, position p to p % ring_rows.
void keep_rows(const Segment& segment, const std::byte* from, int64_t row_bytes, std::byte* ring,
               int64_t ring_rows) {
  const int64_t first = std::max(segment.first_position, segment.end_position() - ring_rows);
  for (int64_t p = first; p < segment.end_position(); ++p)
    std::memcpy(ring + p % ring_rows * row_bytes, from + segment.row_of(p) * row_bytes,
                static_cast<size_t>(row_bytes));
}

}  // namespace

Step::Step(const ModelConfig& config, EntryFormat format, Scratch& scratch)
    : config_(config),
      forms_(key_forms(config, format)),
      index_keys_(index_key_form(config, format)),
      window_bytes_(forms_.window.bytes()),
      entry_bytes_(forms_.entries.bytes()),
      s_(scratch) {}

void Step::add(LayerState* layers, int64_t first_position, std::span<const int32_t> ids) {
  std::copy(ids.begin(), ids.end(), s_.ids + rows_);
  add_rows(layers, first_position, std::ssize(ids));
}

void Step::add_rows(LayerState* layers, int64_t first_position, int64_t count) {
  s_.segments[segments_++] = {layers, rows_, count, first_position};
  for (int64_t i = 0; i < count; ++i) {
    s_.positions[rows_] = first_position + i;
    s_.row_pointers[rows_] = s_.kv_rows + rows_ * window_bytes_;
    ++rows_;
  }
}

void Step::keep_window(int64_t layer) const {
  for (const Segment& segment : segments()) {
    const LayerState& state = segment.layers[layer];
    keep_rows(segment, s_.kv_rows, window_bytes_, state.window.data(), state.window_rows);
  }
}

std::span<const PoolSlots> Step::finished_blocks(int64_t ratio, bool overlap, int64_t layer,
                                                 CompressorRing ring, ConstMat kv, ConstMat score) {
  const int64_t r = ratio;
  const int64_t coff = overlap ? 2 : 1;
  const int64_t dim = kv.cols / coff;
  const float** slot = s_.slots;
  blocks_ = 0;
  for (const Segment& segment : segments()) {
    const CompressorState& state = segment.layers[layer].*ring;
    for (int64_t block = segment.first_position / r; (block + 1) * r <= segment.end_position(); ++block) {
      // With overlap the block before gives its first half of the channels, this one its second
      // half.
      const int64_t first = std::max<int64_t>(0, (block + 1 - coff) * r);
      const int64_t count = (block + 1) * r - first;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t p = first + i;
        const int64_t column = overlap && p >= block * r ? dim : 0;
        const bool is_new = p >= segment.first_position;
        slot[i] = (is_new ? kv.row(segment.row_of(p)) : state.kv_row(p)) + column;
        slot[count + i] = (is_new ? score.row(segment.row_of(p)) : state.score_row(p)) + column;
      }
      s_.blocks[blocks_] = {slot, slot + count, count};
      s_.block_positions[blocks_] = block * r;
      slot += 2 * count;
      ++blocks_;
    }
  }
  return {s_.blocks, static_cast<size_t>(blocks_)};
}

void Step::every_row() {
  blocks_ = rows_;
  std::copy_n(s_.positions, rows_, s_.block_positions);
}

std::span<std::byte* const> Step::entry_rows(int64_t layer, int64_t ratio) const {
  for_each_finished(ratio, [&](const Segment& segment, Rows blocks) {
    for (int64_t b = blocks.first; b < blocks.first + blocks.count; ++b)
      s_.entry_pointers[b] =
          segment.layers[layer].entries.data() + s_.block_positions[b] / ratio * entry_bytes_;
  });
  return {s_.entry_pointers, static_cast<size_t>(blocks_)};
}

void Step::keep_compressor(int64_t layer, CompressorRing ring, ConstMat kv, ConstMat score) const {
  for (const Segment& segment : segments()) {
    const CompressorState& state = segment.layers[layer].*ring;
    const int64_t row_bytes = state.width * static_cast<int64_t>(sizeof(float));
    keep_rows(segment, reinterpret_cast<const std::byte*>(kv.data), row_bytes, state.kv.data(), state.rows);
    keep_rows(segment, reinterpret_cast<const std::byte*>(score.data), row_bytes, state.score.data(),
              state.rows);
  }
}

void Step::recent_ids(int64_t layer, std::span<const int32_t> classes, int64_t count, int32_t pad,
                      int64_t row, int32_t* ids) const {
  for_each_segment({row, 1}, [&](const Segment& segment, Rows) {
    const LayerState& state = segment.layers[layer];
    for (int64_t back = 0; back < count; ++back) {
      const int64_t p = s_.positions[row] - back;
      int32_t id = pad;
      if (p >= segment.first_position) {
        id = s_.ids[segment.row_of(p)];
      } else if (p >= 0) {
        std::memcpy(&id, state.history.data() + p % state.history_rows * 4, sizeof id);
      }
      ids[back] = p < 0 ? pad : classes[static_cast<size_t>(id)];
    }
  });
}

void Step::keep_history(int64_t layer) const {
  for (const Segment& segment : segments()) {
    const LayerState& state = segment.layers[layer];
    keep_rows(segment, reinterpret_cast<const std::byte*>(s_.ids), sizeof(int32_t), state.history.data(),
              state.history_rows);
  }
}

int64_t Step::key_limit(int64_t position, const KeySource& source) const {
  if (source.drafts) return config_.sliding_window + rows_;
  const int64_t window = source.window ? position - first_in_window(position) + 1 : 0;
  if (source.ratio == 0) return window;
  const int64_t complete = (position + 1) / source.ratio;
  return window + (source.picked ? std::min(complete, config_.index_topk) : complete);
}

Rows Step::query_tile(int64_t first, const KeySource& source) const {
  int64_t count = 0;
  int64_t keys = 0;
  while (first + count < rows_ && count < kQueryTile) {
    keys += key_limit(s_.positions[first + count], source);
    if (keys > s_.key_capacity) break;
    ++count;
  }
  CHECK(count > 0 || first == rows_);
  return {first, count};
}

std::span<const int64_t> Step::visible(Rows part, int64_t ratio) const {
  for (int64_t i = 0; i < part.count; ++i) s_.visible[i] = (s_.positions[part.first + i] + 1) / ratio;
  return {s_.visible, static_cast<size_t>(part.count)};
}

std::span<const KeyRows> Step::keys(Rows tile, int64_t layer, const KeySource& source) const {
  const std::byte** key = s_.keys;
  for_each_segment(tile, [&](const Segment& segment, Rows rows) {
    for (int64_t row = rows.first; row < rows.first + rows.count; ++row) {
      const std::byte** const begin = key;
      const int64_t window =
          source.window ? append_window(segment, layer, s_.positions[row], source, key) : 0;
      key += window;
      key += append_entries(segment.layers[source.owner], row, source, key);
      s_.key_rows[row - tile.first] = {begin, key - begin, window};
    }
  });
  return {s_.key_rows, static_cast<size_t>(tile.count)};
}

int64_t Step::append_window(const Segment& segment, int64_t layer, int64_t position, const KeySource& source,
                            const std::byte** to) const {
  const LayerState& state = segment.layers[layer];
  const int64_t last = source.drafts ? segment.end_position() - 1 : position;
  const int64_t first =
      std::max(first_in_window(source.drafts ? segment.first_position - 1 : position), state.window_begin);
  for (int64_t p = first; p <= last; ++p)
    *to++ = p < segment.first_position ? state.window.data() + p % state.window_rows * window_bytes_
                                       : s_.kv_rows + segment.row_of(p) * window_bytes_;
  return last - first + 1;
}

// The entries that row's query attends to, ascending; returns how many.
int64_t Step::append_entries(const LayerState& state, int64_t row, const KeySource& source,
                             const std::byte** to) const {
  if (source.ratio == 0) return 0;
  const std::byte* const entries = state.entries.data();
  int64_t count = 0;
  if (source.picked) {
    const int64_t* const picks = s_.picks + row * config_.index_topk;
    for (; count < config_.index_topk && picks[count] >= 0; ++count)
      to[count] = entries + picks[count] * entry_bytes_;
  } else {
    for (; count < (s_.positions[row] + 1) / source.ratio; ++count)
      to[count] = entries + count * entry_bytes_;
  }
  return count;
}

}  // namespace hadal
