#include "tools/costs.h"

#include <algorithm>
#include <string_view>

namespace hadal {
namespace {

// What the token at a position meets in one layer.
struct Keys {
  int64_t attended = 0;  // window rows and entries
  int64_t scored = 0;    // index keys
};

Keys keys_at(const ModelConfig& config, int64_t ratio, int64_t position) {
  Keys keys;
  keys.attended = std::min(position + 1, config.sliding_window);
  if (ratio == 0) return keys;
  const int64_t visible = (position + 1) / ratio;
  if (ratio == 4 && visible > config.index_topk) keys.scored = visible;
  keys.attended += ratio == 4 ? std::min(visible, config.index_topk) : visible;
  return keys;
}

bool holds_products(std::string_view name, const Tensor& tensor) {
  return tensor.shape.size() == 2 && !name.ends_with(".scale") && !name.ends_with(".ape") &&
         !name.ends_with(".tid2eid") && name != "embed.weight";
}

}  // namespace

Costs::Costs(const Checkpoint& checkpoint) : config_(checkpoint.config()) {
  double routed_bytes = 0;
  double routed_flops = 0;
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    const std::string_view name = place.tensor->name;
    const Tensor& tensor = place.tensor->tensor;
    const auto bytes = static_cast<int64_t>(tensor.bytes.size());
    const int64_t codes = tensor.dtype == DType::kI8 ? 2 : 1;  // a byte
    const double flops =
        holds_products(name, tensor) ? 2.0 * static_cast<double>(tensor.elements() * codes) : 0.0;
    if (name.starts_with("mtp.")) continue;
    if (name.find(".ffn.experts.") != std::string_view::npos) {
      routed_bytes += static_cast<double>(bytes);
      routed_flops += flops;
    } else if (name == "embed.weight" || name.ends_with(".tid2eid")) {
      weight_bytes_ += bytes / config_.vocab_size;  // one row
    } else {
      weight_bytes_ += bytes;
      (name == "head.weight" ? head_flops_ : product_flops_) += flops;
    }
  }
  const double chosen =
      static_cast<double>(config_.num_experts_per_tok) / static_cast<double>(config_.n_routed_experts);
  weight_bytes_ += static_cast<int64_t>(routed_bytes * chosen);
  product_flops_ += routed_flops * chosen;
}

int64_t Costs::decode_bytes(int64_t position, EntryFormat format) const {
  int64_t bytes = weight_bytes_;
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    const Keys keys = keys_at(config_, config_.compress_ratios[static_cast<size_t>(l)], position);
    bytes += keys.attended * v4_kv_row(format, config_.head_dim).bytes() +
             v4_index_keys(format).bytes(keys.scored);
  }
  return bytes;
}

double Costs::attention_flops(int64_t position) const {
  double flops = 0;
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    const Keys keys = keys_at(config_, config_.compress_ratios[static_cast<size_t>(l)], position);
    // A score and a weighted sum over head_dim for every head and key; index scores also weigh and add heads.
    flops += 4.0 * static_cast<double>(keys.attended * config_.num_attention_heads * config_.head_dim);
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
