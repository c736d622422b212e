#include "model/state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

// The sizes of one layer's parts: the plan and the state are both made from it.
struct LayerSizes {
  int64_t window_rows = 0;
  int64_t window_bytes = 0;
  int64_t entry_bytes = 0;
  int64_t index_key_bytes = 0;
  int64_t compressor_rows = 0;
  int64_t compressor_width = 0;
  int64_t index_compressor_width = 0;  // its rows are the compressor's

  int64_t compressor_bytes() const {
    return 2 * compressor_rows * (compressor_width + index_compressor_width) *
           static_cast<int64_t>(sizeof(float));
  }
};

LayerSizes layer_sizes(const ModelConfig& config, int64_t ratio, EntryFormat format, int64_t max_tokens) {
  LayerSizes sizes;
  const int64_t row_bytes = v4_kv_row(format, config.head_dim).bytes();
  sizes.window_rows = config.sliding_window + kMaxRollback;
  sizes.window_bytes = sizes.window_rows * row_bytes;
  if (ratio == 0) return sizes;
  const int64_t entries = max_tokens / ratio;
  sizes.entry_bytes = entries * row_bytes;
  // A block of ratio 4 reads the block before it too, and both halves have their own channels.
  const int64_t overlap = ratio == 4 ? 2 : 1;
  sizes.compressor_rows = overlap * ratio + kMaxRollback;
  sizes.compressor_width = overlap * config.head_dim;
  if (ratio == 4) {
    sizes.index_key_bytes = v4_index_keys(format).bytes(entries);
    sizes.index_compressor_width = overlap * kIndexDim;
  }
  return sizes;
}

CompressorState make_compressor(int64_t rows, int64_t width) {
  CompressorState state;
  state.rows = rows;
  state.width = width;
  state.kv = StateBytes(rows * width * static_cast<int64_t>(sizeof(float)));
  state.score = StateBytes(rows * width * static_cast<int64_t>(sizeof(float)));
  return state;
}

LayerState make_layer(const ModelConfig& config, int64_t ratio, EntryFormat format, int64_t max_tokens) {
  const LayerSizes sizes = layer_sizes(config, ratio, format, max_tokens);
  LayerState layer;
  layer.ratio = ratio;
  layer.entry_bytes = v4_kv_row(format, config.head_dim).bytes();
  layer.index_form = v4_index_keys(format);
  layer.window_rows = sizes.window_rows;
  layer.window = StateBytes(sizes.window_bytes);
  layer.entries = StateBytes(sizes.entry_bytes);
  layer.index_keys = StateBytes(sizes.index_key_bytes);
  layer.compressor = make_compressor(sizes.compressor_rows, sizes.compressor_width);
  if (ratio == 4)
    layer.index_compressor = make_compressor(sizes.compressor_rows, sizes.index_compressor_width);
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
}

}  // namespace

StatePlan plan_state(const ModelConfig& config, EntryFormat format, int64_t max_tokens, bool with_mtp) {
  StatePlan plan;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const int64_t ratio = config.compress_ratios[static_cast<size_t>(l)];
    const LayerSizes sizes = layer_sizes(config, ratio, format, max_tokens);
    plan.window_rings += sizes.window_bytes;
    (ratio == 4 ? plan.csa_entries : plan.hca_entries) += sizes.entry_bytes;
    plan.index_keys += sizes.index_key_bytes;
    plan.compressor_rows += sizes.compressor_bytes();
  }
  if (with_mtp) plan.mtp = layer_sizes(config, 0, format, max_tokens).window_bytes;
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

SequenceState::SequenceState(const ModelConfig& config, EntryFormat format, int64_t max_tokens, bool with_mtp)
    : format_(format), max_tokens_(max_tokens) {
  CHECK(max_tokens >= 0 && max_tokens <= kMaxTokens);
  layers.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    layers.push_back(make_layer(config, config.compress_ratios[static_cast<size_t>(l)], format, max_tokens));
  if (with_mtp) mtp = std::make_unique<LayerState>(make_layer(config, 0, format, max_tokens));
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
  if (mtp != nullptr) for_each_ring(*mtp, save);
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
  if (mtp != nullptr) for_each_ring(*mtp, load);
  CHECK(from == end);
  length_ = snapshot.length;
  written_ = snapshot.written;
}

}  // namespace hadal
