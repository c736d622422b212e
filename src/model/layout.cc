#include "model/layout.h"

#include <algorithm>

namespace hadal {
namespace {

bool contains(const std::vector<int64_t>& ids, int64_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

LayerLayout compressed_layout(const ModelConfig& config, int64_t ratio) {
  LayerLayout layout{.window_rows = config.sliding_window + kMaxRollback, .ratio = ratio};
  if (ratio == 0) return layout;
  // A block of ratio 4 reads the block before it too, and both halves have their own channels.
  const int64_t overlap = ratio == 4 ? 2 : 1;
  layout.index_keys = ratio == 4;
  layout.compressor_rows = overlap * ratio + kMaxRollback;
  layout.compressor_width = overlap * config.head_dim;
  if (ratio == 4) layout.index_compressor_width = overlap * config.index_head_dim;
  return layout;
}

LayerLayout shared_layout(const ModelConfig& config, int64_t layer) {
  LayerLayout layout{.window_rows = config.sliding_window + kMaxRollback};
  if (contains(config.engram.layer_ids, layer))
    layout.history_rows = config.engram.max_ngram_size - 1 + kMaxRollback;
  if (!contains(config.kv_source_layer_ids, layer)) return layout;
  layout.ratio = config.compress_ratios[static_cast<size_t>(layer)];
  layout.index_keys = true;
  if (layout.ratio > 1) {
    layout.compressor_rows = layout.ratio + kMaxRollback;
    layout.compressor_width = config.head_dim;
  }
  return layout;
}

LayerLayout mla_layout(const ModelConfig& config) { return {.ratio = 1, .index_keys = config.has_indexer()}; }

}  // namespace

KeyForms key_forms(const ModelConfig& config, EntryFormat format) {
  const auto form = [&](KvForm stored) {
    return KvRow{format == EntryFormat::kF32 ? KvForm::kF32 : stored, config.head_dim,
                 config.qk_rope_head_dim};
  };
  switch (config.family.attention) {
    case AttentionKind::kMla:
      return {form(KvForm::kLatent), form(KvForm::kLatent)};
    case AttentionKind::kCompressed:
      return {form(KvForm::kFp8Rope), form(KvForm::kFp8Rope)};
    case AttentionKind::kShared:
      return {form(KvForm::kFp8), form(KvForm::kFp4)};
  }
  return {};
}

IndexKeyForm index_key_form(const ModelConfig& config, EntryFormat format) {
  const IndexForm stored = config.family.attention == AttentionKind::kMla ? IndexForm::kFp8 : IndexForm::kFp4;
  return {format == EntryFormat::kF32 ? IndexForm::kF32 : stored, config.index_head_dim};
}

LayerLayout layer_layout(const ModelConfig& config, int64_t layer) {
  switch (config.family.attention) {
    case AttentionKind::kMla:
      return mla_layout(config);
    case AttentionKind::kCompressed:
      return compressed_layout(config, config.compress_ratios[static_cast<size_t>(layer)]);
    case AttentionKind::kShared:
      return shared_layout(config, layer);
  }
  return {};
}

LayerLayout drafter_layout(const ModelConfig& config) {
  if (config.family.attention == AttentionKind::kMla) return mla_layout(config);
  return {.window_rows = config.sliding_window + kMaxRollback};
}

int64_t dspark_experts(const ModelConfig& config) {
  return config.dspark_n_routed_experts > 0 ? config.dspark_n_routed_experts : config.n_routed_experts;
}

int64_t dspark_experts_per_token(const ModelConfig& config) {
  return config.dspark_num_experts_per_tok > 0 ? config.dspark_num_experts_per_tok
                                               : config.num_experts_per_tok;
}

int64_t max_drafts(const ModelConfig& config) {
  return config.dspark_block_size > 0 ? std::min(config.dspark_block_size, kMaxRollback) : 1;
}

double state_bytes_per_token(const ModelConfig& config, EntryFormat format) {
  double bytes = 0;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const LayerLayout layout = layer_layout(config, l);
    if (layout.ratio == 0) continue;
    auto entry = static_cast<double>(key_forms(config, format).entries.bytes());
    if (layout.index_keys)
      entry += static_cast<double>(index_key_form(config, format).bytes(kIndexTileKeys)) / kIndexTileKeys;
    bytes += entry / static_cast<double>(layout.ratio);
  }
  return bytes;
}

}  // namespace hadal
