#include "tools/model_summary.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <ostream>

#include "tools/readable.h"

namespace hadal {
namespace {

constexpr PartName kPartNames[kParts] = {
    {"embedding", "embedding"},
    {"attention", "attention"},
    {"indexers", "indexers"},
    {"routers", "routers"},
    {"routed experts", "routed_experts"},
    {"shared experts", "shared_experts"},
    {"streams and norms", "streams"},
    {"head", "head"},
    {"MTP or drafter", "mtp"},
    {"Engram tables", "engram"},
    {"other", "other"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Parameters in a tensor, see above. Scales of FP8 and FP4 weights are called like their weight: x.weight,
// x.scale.
uint64_t parameters_in(const Checkpoint& checkpoint, const NamedTensor& named) {
  constexpr std::string_view kScale = ".scale";
  constexpr std::string_view kInverseScale = "_scale_inv";
  const std::string_view name = named.name;
  const auto elements = static_cast<uint64_t>(named.tensor.elements());
  if (name.ends_with(kInverseScale) && checkpoint.find(name.substr(0, name.size() - kInverseScale.size())))
    return 0;
  if (name.ends_with(kScale)) {
    const std::string weight = std::string(name.substr(0, name.size() - kScale.size())) + ".weight";
    if (checkpoint.find(weight) != nullptr) return 0;
  }
  if (named.tensor.dtype == DType::kI64 || named.tensor.dtype == DType::kI32) return 0;
  return named.tensor.dtype == DType::kI8 ? 2 * elements : elements;
}

uint64_t active_of(uint64_t parameters, Part part, const ModelConfig& config) {
  if (part == Part::kEmbedding || part == Part::kMtp || part == Part::kEngram || part == Part::kOther)
    return 0;
  if (part != Part::kExperts) return parameters;
  return parameters / static_cast<uint64_t>(config.n_routed_experts) *
         static_cast<uint64_t>(config.num_experts_per_tok);
}

int64_t layers_of(const ModelConfig& config, int64_t ratio) {
  return std::count(config.compress_ratios.begin(), config.compress_ratios.begin() + config.num_hidden_layers,
                    ratio);
}

}  // namespace

PartName part_name(Part part) { return kPartNames[static_cast<size_t>(part)]; }

Part part_of(std::string_view name, const ModelConfig& config) {
  constexpr std::string_view kModel = "model.";
  if (name.starts_with("mtp.")) return Part::kMtp;
  if (name.starts_with(kModel)) name.remove_prefix(kModel.size());
  if (name == "embed.weight" || name == "embed_tokens.weight") return Part::kEmbedding;
  if (name == "head.weight" || name == "lm_head.weight") return Part::kHead;
  if (name == "norm.weight" || name.starts_with("hc_head_")) return Part::kStreams;
  if (!name.starts_with("layers.")) return Part::kOther;
  if (name.starts_with(fmt::format("layers.{}.", config.num_hidden_layers))) return Part::kMtp;
  if (contains(name, ".engram.embed.")) return Part::kEngram;
  if (contains(name, ".indexer.")) return Part::kIndexers;
  if (contains(name, ".attn.") || contains(name, ".self_attn.") || contains(name, ".engram."))
    return Part::kAttention;
  if (contains(name, ".experts.")) return Part::kExperts;
  if (contains(name, ".shared_experts.")) return Part::kShared;
  if (contains(name, ".gate.")) return Part::kRouters;
  if (contains(name, ".mlp.")) return Part::kShared;  // a dense layer's
  return contains(name, ".hc_") || contains(name, "norm.weight") ? Part::kStreams : Part::kOther;
}

ModelSummary summarise(const Checkpoint& checkpoint) {
  ModelSummary summary;
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    const NamedTensor& named = *place.tensor;
    const Part part = part_of(named.name, checkpoint.config());
    PartSum& sum = summary.parts[static_cast<size_t>(part)];
    sum.parameters += parameters_in(checkpoint, named);
    sum.bytes += named.tensor.bytes.size();
    const std::string_view dtype = dtype_name(named.tensor.dtype);
    summary.dtypes[named.tensor.dtype == DType::kI8 ? "FP4 in I8" : std::string(dtype)].add(
        named.tensor.bytes.size());
  }
  for (size_t i = 0; i < kParts; ++i)
    summary.parts[i].active =
        active_of(summary.parts[i].parameters, static_cast<Part>(i), checkpoint.config());
  return summary;
}

PartSum ModelSummary::main() const {
  PartSum sum;
  for (size_t i = 0; i < kParts; ++i) {
    const auto part = static_cast<Part>(i);
    if (part == Part::kMtp || part == Part::kEngram || part == Part::kOther) continue;
    sum.parameters += parts[i].parameters;
    sum.active += parts[i].active;
    sum.bytes += parts[i].bytes;
  }
  return sum;
}

namespace {

void print_layers(const ModelConfig& config, std::ostream& out) {
  switch (config.family.attention) {
    case AttentionKind::kMla:
      fmt::print(
          out, "  {} layers, {} of them dense: latents of {}, {}\n", config.num_hidden_layers,
          config.first_k_dense_replace, config.kv_lora_rank,
          config.has_indexer() ? fmt::format("{} picked by an indexer", config.index_topk) : "all of them");
      break;
    case AttentionKind::kCompressed:
      fmt::print(
          out,
          "  {} layers: {} with a window of {} only, {} with indexed blocks of 4 (CSA), {} with blocks of "
          "128 (HCA)\n",
          config.num_hidden_layers, layers_of(config, 0), config.sliding_window, layers_of(config, 4),
          layers_of(config, 128));
      break;
    case AttentionKind::kShared:
      fmt::print(
          out, "  {} layers: {} with a window of {} only; {} shared caches, {} indexers, Engram before {}\n",
          config.num_hidden_layers, layers_of(config, 0), config.sliding_window,
          config.kv_source_layer_ids.size(), config.index_source_layer_ids.size(),
          config.engram.layer_ids.size());
      break;
  }
}

}  // namespace

void print_config(const ModelConfig& config, std::ostream& out) {
  print_layers(config, out);
  fmt::print(out, "  hidden size {}, {} heads of {}, vocabulary {}\n", config.hidden_size,
             config.num_attention_heads, config.query_head_dim(),
             grouped(static_cast<uint64_t>(config.vocab_size)));
  fmt::print(out, "  {} experts of {}, {} for a token, and a shared one\n", config.n_routed_experts,
             config.moe_intermediate_size, config.num_experts_per_tok);
  fmt::print(out, "  up to {} tokens\n", grouped(static_cast<uint64_t>(config.max_position_embeddings)));
}

void list_config(const ModelConfig& config, JsonWriter& json) {
  json.field("model_type", config.family.model_type);
  json.field("layers", config.num_hidden_layers);
  if (config.family.attention == AttentionKind::kCompressed) {
    json.field("window_layers", layers_of(config, 0));
    json.field("csa_layers", layers_of(config, 4));
    json.field("hca_layers", layers_of(config, 128));
  }
  json.field("hidden_size", config.hidden_size);
  json.field("heads", config.num_attention_heads);
  json.field("head_dim", config.head_dim);
  json.field("experts", config.n_routed_experts);
  json.field("experts_per_token", config.num_experts_per_tok);
  json.field("vocab_size", config.vocab_size);
  json.field("max_tokens", config.max_position_embeddings);
}

}  // namespace hadal
