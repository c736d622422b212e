#include "model/read_block.h"

#include <fmt/format.h>

#include "model/read_attention.h"

namespace hadal {
namespace {

constexpr PartNames kOwnNames{".attn_norm", ".ffn_norm", ".ffn", ".gate.bias", ".w1", ".w2", ".w3"};
constexpr PartNames kTransformersNames{".input_layernorm",
                                       ".post_attention_layernorm",
                                       ".mlp",
                                       ".gate.e_score_correction_bias",
                                       ".gate_proj",
                                       ".down_proj",
                                       ".up_proj"};

}  // namespace

BlockReader::BlockReader(WeightReader& reader, const ModelConfig& config)
    : reader_(reader),
      config_(config),
      names_(config.family.attention == AttentionKind::kMla ? kTransformersNames : kOwnNames) {}

Block BlockReader::layer(const std::string& prefix, int64_t layer) {
  Block block = common(prefix);
  block.attn = read_attention(reader_, config_, prefix, layer);
  block.ffn = config_.is_dense(layer)
                  ? dense(prefix + names_.ffn)
                  : moe(prefix + names_.ffn, main_experts(), layer < config_.num_hash_layers);
  return block;
}

Block BlockReader::drafter_layer(const std::string& prefix, int64_t place, const Experts& experts) {
  Block block = common(prefix);
  block.attn = read_drafter_attention(reader_, config_, prefix, place);
  block.ffn = moe(prefix + names_.ffn, experts, false);
  return block;
}

HcParams BlockReader::hc_head(const std::string& prefix) { return hc(prefix, config_.hc_mult, 1); }

HcParams BlockReader::hc(const std::string& prefix, int64_t rows, int64_t scales) {
  return {reader_.plain_matrix(prefix + "_fn", rows, config_.hc_mult * config_.hidden_size),
          reader_.f32(prefix + "_base", {rows}), reader_.f32(prefix + "_scale", {scales})};
}

HcParams BlockReader::hc_site(const std::string& prefix) {
  const int64_t m = config_.hc_mult;
  return hc(prefix, m + m + m * m, 3);  // pre, post, comb
}

Block BlockReader::common(const std::string& prefix) {
  Block block;
  if (config_.family.residual != ResidualKind::kPlain) {
    block.hc_attn = hc_site(prefix + ".hc_attn");
    block.hc_ffn = hc_site(prefix + ".hc_ffn");
  }
  block.attn_norm = reader_.norm(prefix + names_.attn_norm, config_.hidden_size);
  block.ffn_norm = reader_.norm(prefix + names_.ffn_norm, config_.hidden_size);
  return block;
}

ExpertWeights BlockReader::expert(const std::string& prefix, int64_t inner) {
  const int64_t d = config_.hidden_size;
  return {reader_.matrix(prefix + names_.w1, inner, d), reader_.matrix(prefix + names_.w2, d, inner),
          reader_.matrix(prefix + names_.w3, inner, d)};
}

MoE BlockReader::dense(const std::string& prefix) {
  MoE moe;
  moe.shared_experts = expert(prefix, config_.intermediate_size);
  return moe;
}

MoE BlockReader::moe(const std::string& prefix, const Experts& experts, bool hash_routed) {
  MoE moe;
  moe.gate = reader_.plain_matrix(prefix + ".gate.weight", experts.routed, config_.hidden_size);
  moe.route.top_k = experts.per_token;
  moe.route.routed_scale = static_cast<float>(config_.routed_scaling_factor);
  moe.route.temperature = static_cast<float>(config_.gate_temp);
  if (config_.family.router == RouterKind::kSigmoidGroups) {
    moe.route.score = Ops::RouteScore::kSigmoid;
    moe.route.groups = config_.n_group;
    moe.route.top_groups = config_.topk_group;
  }
  if (hash_routed)
    moe.route.tid2eid =
        reader_.expert_table(prefix + ".gate.tid2eid", config_.vocab_size, moe.route.top_k, experts.routed);
  else
    moe.route.bias = reader_.f32(prefix + names_.bias, {experts.routed});
  // Routes pictures, which are not read yet.
  const std::string for_pictures = prefix + ".gate.bias_vl";
  if (config_.family.attention == AttentionKind::kShared || reader_.has(for_pictures))
    reader_.f32(for_pictures, {experts.routed});
  moe.experts.reserve(static_cast<size_t>(experts.routed));
  for (int64_t e = 0; e < experts.routed; ++e)
    moe.experts.push_back(expert(fmt::format("{}.experts.{}", prefix, e), config_.moe_intermediate_size));
  moe.shared_experts =
      expert(prefix + ".shared_experts", config_.n_shared_experts * config_.moe_intermediate_size);
  return moe;
}

}  // namespace hadal
