#include "model/model.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "model/engram_hash.h"
#include "model/read_attention.h"
#include "model/rope_table.h"
#include "model/weight_reader.h"

namespace hadal {
namespace {

// The site "hc_attn", "hc_ffn" or "hc_head" under `prefix`; `rows` outputs, `scales` of them scaled apart.
HcParams read_hc(WeightReader& reader, const ModelConfig& config, const std::string& prefix, int64_t rows,
                 int64_t scales) {
  return {reader.plain_matrix(prefix + "_fn", rows, config.hc_mult * config.hidden_size),
          reader.f32(prefix + "_base", {rows}), reader.f32(prefix + "_scale", {scales})};
}

HcParams read_hc_site(WeightReader& reader, const ModelConfig& config, const std::string& prefix) {
  const int64_t m = config.hc_mult;
  return read_hc(reader, config, prefix, m + m + m * m, 3);  // pre, post, comb
}

HcParams read_hc_head(WeightReader& reader, const ModelConfig& config, const std::string& prefix) {
  return read_hc(reader, config, prefix, config.hc_mult, 1);
}

// How the members call the parts of a layer.
struct Names {
  const char* attn_norm;
  const char* ffn_norm;
  const char* ffn;
  const char* bias;
  const char* w1;
  const char* w2;
  const char* w3;
};
constexpr Names kOwnNames{".attn_norm", ".ffn_norm", ".ffn", ".gate.bias", ".w1", ".w2", ".w3"};
constexpr Names kTransformersNames{".input_layernorm",
                                   ".post_attention_layernorm",
                                   ".mlp",
                                   ".gate.e_score_correction_bias",
                                   ".gate_proj",
                                   ".down_proj",
                                   ".up_proj"};

class PartReader {
 public:
  PartReader(WeightReader& reader, const ModelConfig& config)
      : reader_(reader),
        config_(config),
        names_(config.family.attention == AttentionKind::kMla ? kTransformersNames : kOwnNames) {}

  Block layer(const std::string& prefix, int64_t layer) {
    Block block = common(prefix);
    block.attn = read_attention(reader_, config_, prefix, layer);
    block.ffn = config_.is_dense(layer) ? dense(prefix + names_.ffn)
                                        : moe(prefix + names_.ffn, layer < config_.num_hash_layers);
    return block;
  }
  // The layer of the MTP block.
  Block mtp_layer(const std::string& prefix) {
    Block block = common(prefix);
    block.attn = read_mtp_attention(reader_, config_, prefix);
    block.ffn = moe(prefix + names_.ffn, false);
    return block;
  }

 private:
  Block common(const std::string& prefix) {
    Block block;
    if (config_.family.residual != ResidualKind::kPlain) {
      block.hc_attn = read_hc_site(reader_, config_, prefix + ".hc_attn");
      block.hc_ffn = read_hc_site(reader_, config_, prefix + ".hc_ffn");
    }
    block.attn_norm = reader_.norm(prefix + names_.attn_norm, config_.hidden_size);
    block.ffn_norm = reader_.norm(prefix + names_.ffn_norm, config_.hidden_size);
    return block;
  }

  ExpertWeights expert(const std::string& prefix, int64_t inner) {
    const int64_t d = config_.hidden_size;
    return {reader_.matrix(prefix + names_.w1, inner, d), reader_.matrix(prefix + names_.w2, d, inner),
            reader_.matrix(prefix + names_.w3, inner, d)};
  }

  MoE dense(const std::string& prefix) {
    MoE moe;
    moe.shared_experts = expert(prefix, config_.intermediate_size);
    return moe;
  }

  MoE moe(const std::string& prefix, bool hash_routed) {
    const int64_t experts = config_.n_routed_experts;
    MoE moe;
    moe.gate = reader_.plain_matrix(prefix + ".gate.weight", experts, config_.hidden_size);
    moe.route.top_k = config_.num_experts_per_tok;
    moe.route.routed_scale = static_cast<float>(config_.routed_scaling_factor);
    moe.route.temperature = static_cast<float>(config_.gate_temp);
    if (config_.family.router == RouterKind::kSigmoidGroups) {
      moe.route.score = Ops::RouteScore::kSigmoid;
      moe.route.groups = config_.n_group;
      moe.route.top_groups = config_.topk_group;
    }
    if (hash_routed)
      moe.route.tid2eid =
          reader_.expert_table(prefix + ".gate.tid2eid", config_.vocab_size, moe.route.top_k, experts);
    else
      moe.route.bias = reader_.f32(prefix + names_.bias, {experts});
    // Routes pictures, which are not read yet.
    if (config_.family.attention == AttentionKind::kShared) reader_.f32(prefix + ".gate.bias_vl", {experts});
    moe.experts.reserve(static_cast<size_t>(experts));
    for (int64_t e = 0; e < experts; ++e)
      moe.experts.push_back(expert(fmt::format("{}.experts.{}", prefix, e), config_.moe_intermediate_size));
    moe.shared_experts =
        expert(prefix + ".shared_experts", config_.n_shared_experts * config_.moe_intermediate_size);
    return moe;
  }

  WeightReader& reader_;
  const ModelConfig& config_;
  const Names& names_;
};

MtpBlock read_mtp(WeightReader& reader, const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  MtpBlock mtp;
  mtp.block = PartReader(reader, config).mtp_layer("mtp.0");
  mtp.e_proj = reader.matrix("mtp.0.e_proj", d, d);
  mtp.h_proj = reader.matrix("mtp.0.h_proj", d, d);
  mtp.enorm = reader.norm("mtp.0.enorm", d);
  mtp.hnorm = reader.norm("mtp.0.hnorm", d);
  mtp.norm = reader.norm("mtp.0.norm", d);
  mtp.hc_head = read_hc_head(reader, config, "mtp.0.hc_head");
  return mtp;
}

// V3 and V3.2 keep it as one layer more, some with copies of embedding and head.
MtpBlock read_mla_mtp(WeightReader& reader, const ModelConfig& config) {
  const std::string prefix = fmt::format("model.layers.{}", config.num_hidden_layers);
  const int64_t d = config.hidden_size;
  MtpBlock mtp;
  mtp.block = PartReader(reader, config).mtp_layer(prefix);
  mtp.eh_proj = reader.matrix(prefix + ".eh_proj", d, 2 * d);
  mtp.enorm = reader.norm(prefix + ".enorm", d);
  mtp.hnorm = reader.norm(prefix + ".hnorm", d);
  mtp.norm = reader.norm(prefix + ".shared_head.norm", d);
  const std::string embed = prefix + ".embed_tokens.weight";
  const std::string head = prefix + ".shared_head.head.weight";
  if (reader.has(embed)) mtp.embed = reader.plain_matrix(embed, config.vocab_size, d);
  if (reader.has(head)) mtp.head = reader.plain_matrix(head, config.vocab_size, d);
  return mtp;
}

Engram read_engram(WeightReader& reader, const ModelConfig& config, size_t index) {
  const EngramConfig& e = config.engram;
  const std::string prefix = fmt::format("layers.{}.engram", e.layer_ids[index]);
  const int64_t m = config.hc_mult;
  const int64_t d = config.hidden_size;
  Engram engram;
  engram.hash = engram_hash(e, index);
  engram.embed = reader.table(prefix + ".embed", e.num_embeddings[index], e.head_dim);
  engram.wkv = reader.matrix(prefix + ".wkv", (m + 1) * d, e.rows_per_token() * e.head_dim);
  engram.q_weight = reader.vector(prefix + ".q_weight", {m, d});
  engram.k_weight = reader.vector(prefix + ".k_weight", {m, d});
  return engram;
}

RopeFrequencies rope_of(const ModelConfig& config, double theta, bool scaled) {
  if (scaled && config.rope_scaling)
    return yarn_frequencies(theta, *config.rope_scaling, config.qk_rope_head_dim);
  return rope_frequencies(theta, config.qk_rope_head_dim);
}

// What an official checkpoint may hold beside the main model and an MTP block is no surprise; anything else
// is.
void report_unused(const Checkpoint& checkpoint, const WeightReader& reader, bool has_dspark) {
  const auto vision = std::ranges::count_if(checkpoint.tensors(), [](const Checkpoint::Place& place) {
    const std::string_view name = place.tensor->name;
    return name.starts_with("vision.") || name.starts_with("aligner.") || name.starts_with("image_");
  });
  const auto unused = static_cast<int64_t>(checkpoint.tensors().size()) - reader.tensors() - vision;
  if (has_dspark)
    log_info("{}: its drafter (DSpark) is not used yet; the main model runs without it", checkpoint.dir());
  else if (unused > 0)
    log_warning("{}: {} of its {} tensors are not part of this model and are not used", checkpoint.dir(),
                unused, checkpoint.tensors().size());
}

}  // namespace

bool has_mtp_block(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  if (config.family.attention != AttentionKind::kMla)
    return checkpoint.find("mtp.0.e_proj.weight") != nullptr;
  return checkpoint.find(fmt::format("model.layers.{}.eh_proj.weight", config.num_hidden_layers)) != nullptr;
}

Model Model::load(const std::string& dir, LoadMode mode) {
  Model model;
  model.checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(dir, mode));
  const ModelConfig& config = model.config();
  WeightReader reader(*model.checkpoint_);

  const bool mla = config.family.attention == AttentionKind::kMla;
  const std::string prefix = mla ? "model." : "";
  model.embed = reader.plain_matrix(mla ? "model.embed_tokens.weight" : "embed.weight", config.vocab_size,
                                    config.hidden_size);
  PartReader parts(reader, config);
  model.layers.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    model.layers.push_back(parts.layer(fmt::format("{}layers.{}", prefix, l), l));
  for (size_t i = 0; i < config.engram.layer_ids.size(); ++i)
    model.layers[static_cast<size_t>(config.engram.layer_ids[i])].engram = read_engram(reader, config, i);
  model.norm = reader.norm(prefix + "norm", config.hidden_size);
  if (config.family.residual == ResidualKind::kMhc) model.hc_head = read_hc_head(reader, config, "hc_head");
  model.head =
      reader.plain_matrix(mla ? "lm_head.weight" : "head.weight", config.vocab_size, config.hidden_size);

  const bool has_mtp = has_mtp_block(*model.checkpoint_);
  model.has_dspark = config.dspark_block_size > 0 || reader.has("mtp.0.main_proj.weight");
  if (has_mtp && model.has_dspark)
    fail(ErrorCode::kInvalidModel,
         "{}: it has both an MTP block (mtp.0.e_proj.weight) and DSpark drafters (dspark_* in config.json or "
         "mtp.0.main_proj.weight); only one of them can belong to this model",
         dir);
  if (has_mtp)
    model.mtp = std::make_unique<MtpBlock>(mla ? read_mla_mtp(reader, config) : read_mtp(reader, config));

  model.rope_window = rope_of(config, config.rope_theta, mla);
  model.rope_compressed = rope_of(config, config.compress_rope_theta, true);
  model.rope_index = mla ? model.rope_window : model.rope_compressed;
  if (mla) model.rope_index.layout = RopeLayout::kFirstHalves;
  model.weight_bytes_ = reader.bytes();
  report_unused(*model.checkpoint_, reader, model.has_dspark);
  return model;
}

void Model::set_compressed_vocabulary(std::vector<int32_t> classes) {
  const EngramConfig& engram = config().engram;
  const int64_t seen = classes.empty() ? 0 : int64_t{*std::ranges::max_element(classes)} + 1;
  if (seen != engram.compressed_vocab_size)
    fail(ErrorCode::kInvalidModel,
         "{}: the tokens of its tokenizer.json have {} spellings, but config.json says "
         "engram_compressed_vocab_size {}; with another number every n-gram would read the wrong rows: use "
         "the "
         "tokenizer that this model was trained with",
         checkpoint_->dir(), seen, engram.compressed_vocab_size);
  if (static_cast<int64_t>(classes.size()) <= engram.pad_token_id)
    fail(ErrorCode::kInvalidModel, "{}: engram_pad_token_id is {}, but its tokenizer.json has {} tokens",
         checkpoint_->dir(), engram.pad_token_id, classes.size());
  // Rows of the embedding without a token count as the pad.
  classes.resize(static_cast<size_t>(config().vocab_size), classes[static_cast<size_t>(engram.pad_token_id)]);
  compressed_vocabulary_ = std::move(classes);
}

}  // namespace hadal
