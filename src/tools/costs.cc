#include "tools/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "model/layout.h"

namespace hadal {
namespace {

// What the token at a position meets in one layer.
struct Keys {
  int64_t window = 0;
  int64_t entries = 0;
  int64_t scored = 0;  // index keys
};

Keys keys_at(const ModelConfig& config, int64_t layer, int64_t position) {
  const AttentionKind kind = config.family.attention;
  Keys keys;
  if (kind != AttentionKind::kMla) keys.window = std::min(position + 1, config.sliding_window);
  const int64_t ratio = kind == AttentionKind::kMla ? 1 : config.compress_ratios[static_cast<size_t>(layer)];
  if (ratio == 0) return keys;
  const int64_t visible = (position + 1) / ratio;
  const bool picked = kind == AttentionKind::kCompressed ? ratio == 4 : config.has_indexer();
  const bool picks =
      kind != AttentionKind::kShared || std::ranges::count(config.index_source_layer_ids, layer) > 0;
  if (picked && picks && visible > config.index_topk) keys.scored = visible;
  keys.entries = picked ? std::min(visible, config.index_topk) : visible;
  return keys;
}

bool is_looked_up(std::string_view name) {
  return name == "embed.weight" || name == "model.embed_tokens.weight" ||
         name.ends_with(".engram.embed.weight") || name.ends_with(".engram.embed.scale");
}

bool holds_products(std::string_view name, const Tensor& tensor) {
  return tensor.shape.size() == 2 && !name.ends_with(".scale") && !name.ends_with("_scale_inv") &&
         !name.ends_with(".ape") && !name.ends_with(".tid2eid") && !is_looked_up(name);
}

}  // namespace

int64_t attended_keys(const ModelConfig& config, int64_t layer, int64_t position) {
  const Keys keys = keys_at(config, layer, position);
  return keys.window + keys.entries;
}

Costs::Costs(const Checkpoint& checkpoint) : config_(checkpoint.config()) {
  const std::string mla_mtp = fmt::format("model.layers.{}.", config_.num_hidden_layers);
  double routed_bytes = 0;
  double routed_flops = 0;
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    const std::string_view name = place.tensor->name;
    const Tensor& tensor = place.tensor->tensor;
    const auto bytes = static_cast<int64_t>(tensor.bytes.size());
    const int64_t codes = tensor.dtype == DType::kI8 ? 2 : 1;  // a byte
    const double flops =
        holds_products(name, tensor) ? 2.0 * static_cast<double>(tensor.elements() * codes) : 0.0;
    if (name.starts_with("mtp.") || name.starts_with(mla_mtp)) continue;
    if (name.find(".ffn.experts.") != std::string_view::npos ||
        name.find(".mlp.experts.") != std::string_view::npos) {
      routed_bytes += static_cast<double>(bytes);
      routed_flops += flops;
    } else if (name.find(".engram.embed.") != std::string_view::npos) {
      weight_bytes_ += bytes / tensor.shape[0] * config_.engram.rows_per_token();
    } else if (is_looked_up(name) || name.ends_with(".tid2eid")) {
      weight_bytes_ += bytes / config_.vocab_size;  // one row
    } else {
      weight_bytes_ += bytes;
      (name == "head.weight" || name == "lm_head.weight" ? head_flops_ : product_flops_) += flops;
    }
  }
  const double chosen =
      static_cast<double>(config_.num_experts_per_tok) / static_cast<double>(config_.n_routed_experts);
  weight_bytes_ += static_cast<int64_t>(routed_bytes * chosen);
  product_flops_ += routed_flops * chosen;
}

int64_t Costs::decode_bytes(int64_t position, EntryFormat format) const {
  const KeyForms forms = key_forms(config_, format);
  const IndexKeyForm index = index_key_form(config_, format);
  int64_t bytes = weight_bytes_;
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    const Keys keys = keys_at(config_, l, position);
    bytes +=
        keys.window * forms.window.bytes() + keys.entries * forms.entries.bytes() + index.bytes(keys.scored);
  }
  return bytes;
}

double Costs::attention_flops(int64_t position) const {
  double flops = 0;
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    const Keys keys = keys_at(config_, l, position);
    // A score and a weighted sum over head_dim for every head and key; index scores also weigh and add heads.
    flops += 4.0 * static_cast<double>((keys.window + keys.entries) * config_.num_attention_heads *
                                       config_.head_dim);
    flops += 2.0 * static_cast<double>(keys.scored * config_.index_n_heads * (config_.index_head_dim + 1));
  }
  return flops;
}

double Costs::decode_flops(int64_t position) const {
  return product_flops_ + head_flops_ + attention_flops(position);
}

double Costs::prefill_flops(int64_t first, int64_t count) const {
  double flops = count > 0 ? head_flops_ : 0.0;
  for (int64_t i = 0; i < count; ++i) flops += product_flops_ + attention_flops(first + i);
  return flops;
}

}  // namespace hadal
