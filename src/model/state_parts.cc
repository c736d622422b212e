#include "model/state_parts.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace hadal {
namespace {

// Calls visit(bytes) for what tokens first ... end - 1 appended.
template <typename Visit>
void for_each_appended(const SequenceState& state, int64_t first, int64_t end, Visit&& visit) {
  CHECK(first % kBlockTokens == 0 && first <= end && end <= first + kBlockTokens);
  for (const LayerState& layer : state.layers) {
    if (layer.ratio == 0) continue;
    const int64_t from = first / layer.ratio;
    const int64_t to = end / layer.ratio;
    visit(std::span(layer.entries.data() + from * layer.entry_bytes,
                    static_cast<size_t>((to - from) * layer.entry_bytes)));
    if (layer.index_keys.size() == 0) continue;
    // From the beginning of a tile: where blocks share one, the later block has it whole.
    const int64_t key_from = layer.index_form.bytes(from / kIndexTileKeys * kIndexTileKeys);
    const int64_t key_to = layer.index_form.bytes(to);
    visit(std::span(layer.index_keys.data() + key_from, static_cast<size_t>(key_to - key_from)));
  }
}

// Calls visit(bytes) for rows first ... end - 1 of a ring of `rows` rows, position p at p % rows.
template <typename Visit>
void for_each_row(std::byte* ring, int64_t rows, int64_t row_bytes, int64_t first, int64_t end,
                  Visit&& visit) {
  CHECK(end - first <= rows);
  while (first < end) {
    const int64_t at = first % rows;
    const int64_t count = std::min(end - first, rows - at);
    visit(std::span(ring + at * row_bytes, static_cast<size_t>(count * row_bytes)));
    first += count;
  }
}

// Calls visit(bytes) for the rows that a state of `length` or up to `rollback` tokens less still needs.
template <typename Visit>
void for_each_tail_row(const SequenceState& state, int64_t length, int64_t rollback, Visit&& visit) {
  const int64_t lowest = std::max<int64_t>(length - rollback, 0);
  for (const LayerState& layer : state.layers) {
    const int64_t window = layer.window_rows - kMaxRollback;
    if (window > 0)
      for_each_row(layer.window.data(), layer.window_rows, layer.window.size() / layer.window_rows,
                   std::max<int64_t>(lowest - window + 1, 0), length, visit);
    const int64_t history = layer.history_rows - kMaxRollback;
    if (history > 0)
      for_each_row(layer.history.data(), layer.history_rows, sizeof(int32_t),
                   std::max<int64_t>(lowest - history, 0), length, visit);
    for (const CompressorState* c : {&layer.compressor, &layer.index_compressor}) {
      if (c->rows == 0) continue;
      // The unfinished block and, where blocks overlap, the one before it.
      const int64_t blocks_before = (c->rows - kMaxRollback) / layer.ratio - 1;
      const int64_t first = std::max<int64_t>(lowest / layer.ratio - blocks_before, 0) * layer.ratio;
      const int64_t row_bytes = c->width * static_cast<int64_t>(sizeof(float));
      for_each_row(c->kv.data(), c->rows, row_bytes, first, length, visit);
      for_each_row(c->score.data(), c->rows, row_bytes, first, length, visit);
    }
  }
}

template <typename ForEach>
int64_t count_bytes(ForEach&& for_each) {
  int64_t bytes = 0;
  for_each([&](std::span<std::byte> part) { bytes += std::ssize(part); });
  return bytes;
}

template <typename ForEach>
StatePart save(ForEach&& for_each) {
  StatePart saved(static_cast<size_t>(count_bytes(for_each)));
  std::byte* to = saved.data();
  for_each([&](std::span<std::byte> part) {
    if (part.empty()) return;
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  });
  return saved;
}

template <typename ForEach>
void load(const StatePart& saved, ForEach&& for_each) {
  CHECK(count_bytes(for_each) == std::ssize(saved));
  const std::byte* from = saved.data();
  for_each([&](std::span<std::byte> part) {
    if (part.empty()) return;
    std::memcpy(part.data(), from, part.size());
    from += part.size();
  });
}

auto appended(const SequenceState& state, int64_t first, int64_t end) {
  return [&state, first, end](auto&& visit) { for_each_appended(state, first, end, visit); };
}

auto tail_rows(const SequenceState& state, int64_t length, int64_t rollback) {
  return [&state, length, rollback](auto&& visit) { for_each_tail_row(state, length, rollback, visit); };
}

}  // namespace

StatePart save_block(const SequenceState& state, int64_t first, int64_t end) {
  CHECK(end <= state.length());
  return save(appended(state, first, end));
}

bool has_tail(const SequenceState& state, int64_t length, int64_t rollback) {
  return length <= state.length() && state.written() - length <= kMaxRollback - rollback;
}

StatePart save_tail(const SequenceState& state, int64_t length, int64_t rollback) {
  CHECK(has_tail(state, length, rollback));
  return save(tail_rows(state, length, rollback));
}

void load_parts(SequenceState& state, const StateParts& parts) {
  CHECK(parts.length <= state.max_tokens());
  CHECK(std::ssize(parts.blocks) == (parts.length + kBlockTokens - 1) / kBlockTokens);
  state.truncate(0);
  for (int64_t b = 0; b < std::ssize(parts.blocks); ++b) {
    const int64_t first = b * kBlockTokens;
    load(*parts.blocks[static_cast<size_t>(b)],
         appended(state, first, std::min(first + kBlockTokens, parts.length)));
  }
  load(*parts.tail, tail_rows(state, parts.length, parts.rollback));
  state.begin(parts.length);
  state.advance(parts.length);
}

int64_t block_bytes(const SequenceState& state, int64_t first, int64_t end) {
  return count_bytes(appended(state, first, end));
}

int64_t tail_bytes(const SequenceState& state, int64_t length, int64_t rollback) {
  return count_bytes(tail_rows(state, length, rollback));
}

}  // namespace hadal
