#include "model/state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

constexpr auto kFloat = static_cast<int64_t>(sizeof(float));

// The bytes of one layer's parts: the plan and the state are both made from them.
struct LayerBytes {
  LayerBytes(const ModelConfig& config, const LayerLayout& layout, EntryFormat format, int64_t max_tokens)
      : window(layout.window_rows * key_forms(config, format).window.bytes()),
        compressors(2 * layout.compressor_rows * (layout.compressor_width + layout.index_compressor_width) *
                    kFloat),
        history(layout.history_rows * static_cast<int64_t>(sizeof(int32_t))) {
    if (layout.ratio == 0) return;
    entries = max_tokens / layout.ratio * key_forms(config, format).entries.bytes();
    if (layout.index_keys) index_keys = index_key_form(config, format).bytes(max_tokens / layout.ratio);
  }
  int64_t rings() const { return window + compressors + history; }

  int64_t window = 0;
  int64_t entries = 0;
  int64_t index_keys = 0;
  int64_t compressors = 0;
  int64_t history = 0;
};

CompressorState make_compressor(int64_t rows, int64_t width) {
  CompressorState state;
  state.rows = rows;
  state.width = width;
  state.kv = StateBytes(rows * width * static_cast<int64_t>(sizeof(float)));
  state.score = StateBytes(rows * width * static_cast<int64_t>(sizeof(float)));
  return state;
}

LayerState make_layer(const ModelConfig& config, const LayerLayout& layout, EntryFormat format,
                      int64_t max_tokens) {
  const LayerBytes bytes(config, layout, format, max_tokens);
  LayerState layer;
  const KeyForms forms = key_forms(config, format);
  layer.ratio = layout.ratio;
  layer.entry_bytes = forms.entries.bytes();
  layer.index_form = index_key_form(config, format);
  layer.window_rows = layout.window_rows;
  layer.window = StateBytes(bytes.window);
  layer.entries = StateBytes(bytes.entries);
  layer.index_keys = StateBytes(bytes.index_keys);
  layer.compressor = make_compressor(layout.compressor_rows, layout.compressor_width);
  layer.index_compressor = make_compressor(layout.compressor_rows, layout.index_compressor_width);
  layer.history_rows = layout.history_rows;
  layer.history = StateBytes(bytes.history);
  return layer;
}

// What a snapshot keeps of a layer: everything that later tokens overwrite.
template <typename Visit>
void for_each_ring(const LayerState& layer, Visit&& visit) {
  visit(layer.window);
  visit(layer.compressor.kv);
  visit(layer.compressor.score);
  visit(layer.index_compressor.kv);
  visit(layer.index_compressor.score);
  visit(layer.history);
}

int64_t& entries_of(StatePlan& plan, const ModelConfig& config, const LayerLayout& layout) {
  switch (config.family.attention) {
    case AttentionKind::kMla:
      return plan.latent_entries;
    case AttentionKind::kShared:
      return plan.shared_entries;
    case AttentionKind::kCompressed:
      break;
  }
  return layout.ratio == 4 ? plan.csa_entries : plan.hca_entries;
}

}  // namespace

StatePlan plan_state(const ModelConfig& config, EntryFormat format, int64_t max_tokens,
                     int64_t drafter_layers) {
  StatePlan plan;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const LayerLayout layout = layer_layout(config, l);
    const LayerBytes bytes(config, layout, format, max_tokens);
    plan.window_rings += bytes.window;
    entries_of(plan, config, layout) += bytes.entries;
    plan.index_keys += bytes.index_keys;
    plan.compressor_rows += bytes.compressors + bytes.history;
    plan.snapshot += bytes.rings();
  }
  const LayerBytes bytes(config, drafter_layout(config), format, max_tokens);
  plan.drafter = drafter_layers * (bytes.rings() + bytes.entries + bytes.index_keys);
  plan.snapshot += drafter_layers * bytes.rings();
  return plan;
}

StateBytes::StateBytes(int64_t size) : size_(size) {
  if (size == 0) return;
  void* const at = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    fail(ErrorCode::kNoMemory, "cannot reserve {} bytes of sequence state: {}; ask for a smaller context",
         size, std::strerror(errno));
  data_ = {static_cast<std::byte*>(at), Unmap{size}};
}

void StateBytes::Unmap::operator()(std::byte* p) const { ::munmap(p, static_cast<size_t>(size)); }

float* CompressorState::kv_row(int64_t position) const {
  return reinterpret_cast<float*>(kv.data()) + position % rows * width;
}

float* CompressorState::score_row(int64_t position) const {
  return reinterpret_cast<float*>(score.data()) + position % rows * width;
}

SequenceState::SequenceState(const ModelConfig& config, EntryFormat format, int64_t max_tokens,
                             int64_t drafter_layers)
    : format_(format), max_tokens_(max_tokens) {
  CHECK(max_tokens >= 0 && max_tokens <= kMaxTokens);
  layers.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    layers.push_back(make_layer(config, layer_layout(config, l), format, max_tokens));
  for (int64_t l = 0; l < drafter_layers; ++l)
    drafter.push_back(make_layer(config, drafter_layout(config), format, max_tokens));
}

void SequenceState::truncate(int64_t length) {
  CHECK(length >= 0 && length <= length_);
  CHECK(length == 0 || written_ - length <= kMaxRollback);
  length_ = length;
  if (length == 0) written_ = 0;
}

void SequenceState::begin(int64_t count) {
  CHECK(count >= 0 && count <= max_tokens_ - length_);
  CHECK(length_ == 0 || written_ - length_ <= kMaxRollback);
  written_ = length_ == 0 ? count : std::max(written_, length_ + count);
}

void SequenceState::advance(int64_t count) {
  CHECK(length_ + count <= written_);
  length_ += count;
}

SequenceState::Snapshot SequenceState::snapshot() const {
  Snapshot saved;
  saved.length = length_;
  saved.written = written_;
  const auto save = [&](const StateBytes& ring) {
    saved.bytes.insert(saved.bytes.end(), ring.data(), ring.data() + ring.size());
  };
  for (const LayerState& layer : layers) for_each_ring(layer, save);
  for (const LayerState& layer : drafter) for_each_ring(layer, save);
  return saved;
}

void SequenceState::restore(const Snapshot& snapshot) {
  const std::byte* from = snapshot.bytes.data();
  const std::byte* const end = from + snapshot.bytes.size();
  const auto load = [&](const StateBytes& ring) {
    CHECK(end - from >= ring.size());
    std::copy_n(from, ring.size(), ring.data());
    from += ring.size();
  };
  for (const LayerState& layer : layers) for_each_ring(layer, load);
  for (const LayerState& layer : drafter) for_each_ring(layer, load);
  CHECK(from == end);
  length_ = snapshot.length;
  written_ = snapshot.written;
}

}  // namespace hadal
