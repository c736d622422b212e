#include "model/model.h"

#include "base/error.h"
#include "base/log.h"
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

Compressor read_compressor(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                           int64_t ratio, int64_t dim) {
  Compressor compressor;
  compressor.ratio = ratio;
  compressor.dim = dim;
  const int64_t width = compressor.coff() * dim;
  compressor.wkv = reader.plain_matrix(prefix + ".wkv.weight", width, config.hidden_size);
  compressor.wgate = reader.plain_matrix(prefix + ".wgate.weight", width, config.hidden_size);
  compressor.ape = reader.f32(prefix + ".ape", {ratio, width});
  compressor.norm = reader.norm(prefix + ".norm", dim);
  return compressor;
}

Indexer read_indexer(WeightReader& reader, const ModelConfig& config, const std::string& prefix) {
  Indexer indexer;
  indexer.wq_b = reader.matrix(prefix + ".wq_b", config.index_n_heads * kIndexDim, config.q_lora_rank);
  indexer.weights_proj =
      reader.plain_matrix(prefix + ".weights_proj.weight", config.index_n_heads, config.hidden_size);
  indexer.compressor = read_compressor(reader, config, prefix + ".compressor", 4, kIndexDim);
  return indexer;
}

Attention read_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                         int64_t ratio) {
  const int64_t d = config.hidden_size;
  const int64_t heads_width = config.num_attention_heads * config.head_dim;
  const int64_t groups_width = config.o_groups * config.o_lora_rank;
  Attention attn;
  attn.ratio = ratio;
  attn.wq_a = reader.matrix(prefix + ".wq_a", config.q_lora_rank, d);
  attn.q_norm = reader.norm(prefix + ".q_norm", config.q_lora_rank);
  attn.wq_b = reader.matrix(prefix + ".wq_b", heads_width, config.q_lora_rank);
  attn.wkv = reader.matrix(prefix + ".wkv", config.head_dim, d);
  attn.kv_norm = reader.norm(prefix + ".kv_norm", config.head_dim);
  attn.attn_sink = reader.f32(prefix + ".attn_sink", {config.num_attention_heads});
  attn.wo_a = reader.matrix(prefix + ".wo_a", groups_width, heads_width / config.o_groups);
  attn.wo_b = reader.matrix(prefix + ".wo_b", d, groups_width);
  if (ratio != 0)
    attn.compressor = read_compressor(reader, config, prefix + ".compressor", ratio, config.head_dim);
  if (ratio == 4) attn.indexer = read_indexer(reader, config, prefix + ".indexer");
  return attn;
}

ExpertWeights read_expert(WeightReader& reader, const ModelConfig& config, const std::string& prefix) {
  const int64_t d = config.hidden_size;
  const int64_t inner = config.moe_intermediate_size;
  return {reader.matrix(prefix + ".w1", inner, d), reader.matrix(prefix + ".w2", d, inner),
          reader.matrix(prefix + ".w3", inner, d)};
}

MoE read_moe(WeightReader& reader, const ModelConfig& config, const std::string& prefix, bool hash_routed) {
  const int64_t experts = config.n_routed_experts;
  MoE moe;
  moe.gate = reader.plain_matrix(prefix + ".gate.weight", experts, config.hidden_size);
  moe.route.top_k = config.num_experts_per_tok;
  moe.route.routed_scale = static_cast<float>(config.routed_scaling_factor);
  if (hash_routed)
    moe.route.tid2eid =
        reader.expert_table(prefix + ".gate.tid2eid", config.vocab_size, moe.route.top_k, experts);
  else
    moe.route.bias = reader.f32(prefix + ".gate.bias", {experts});
  moe.experts.reserve(static_cast<size_t>(experts));
  for (int64_t e = 0; e < experts; ++e)
    moe.experts.push_back(read_expert(reader, config, fmt::format("{}.experts.{}", prefix, e)));
  moe.shared_experts = read_expert(reader, config, prefix + ".shared_experts");
  return moe;
}

Block read_block(WeightReader& reader, const ModelConfig& config, const std::string& prefix, int64_t ratio,
                 bool hash_routed) {
  Block block;
  block.hc_attn = read_hc_site(reader, config, prefix + ".hc_attn");
  block.hc_ffn = read_hc_site(reader, config, prefix + ".hc_ffn");
  block.attn_norm = reader.norm(prefix + ".attn_norm", config.hidden_size);
  block.ffn_norm = reader.norm(prefix + ".ffn_norm", config.hidden_size);
  block.attn = read_attention(reader, config, prefix + ".attn", ratio);
  block.ffn = read_moe(reader, config, prefix + ".ffn", hash_routed);
  return block;
}

MtpBlock read_mtp(WeightReader& reader, const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  MtpBlock mtp;
  mtp.block = read_block(reader, config, "mtp.0", 0, false);
  mtp.e_proj = reader.matrix("mtp.0.e_proj", d, d);
  mtp.h_proj = reader.matrix("mtp.0.h_proj", d, d);
  mtp.enorm = reader.norm("mtp.0.enorm", d);
  mtp.hnorm = reader.norm("mtp.0.hnorm", d);
  mtp.norm = reader.norm("mtp.0.norm", d);
  mtp.hc_head = read_hc_head(reader, config, "mtp.0.hc_head");
  return mtp;
}

// What an official checkpoint may hold beside the main model and an MTP block is no surprise; anything else
// is.
void report_unused(const Checkpoint& checkpoint, const WeightReader& reader, bool has_dspark) {
  const auto unused = static_cast<int64_t>(checkpoint.tensors().size()) - reader.tensors();
  if (has_dspark)
    log_info("{}: its drafter (DSpark) is not used yet; the main model runs without it", checkpoint.dir());
  else if (unused > 0)
    log_warning("{}: {} of its {} tensors are not part of this model and are not used", checkpoint.dir(),
                unused, checkpoint.tensors().size());
}

}  // namespace

Model Model::load(const std::string& dir, LoadMode mode) {
  Model model;
  model.checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(dir, mode));
  const ModelConfig& config = model.config();
  WeightReader reader(*model.checkpoint_);

  model.embed = reader.plain_matrix("embed.weight", config.vocab_size, config.hidden_size);
  model.layers.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    model.layers.push_back(read_block(reader, config, fmt::format("layers.{}", l),
                                      config.compress_ratios[static_cast<size_t>(l)],
                                      l < config.num_hash_layers));
  model.norm = reader.norm("norm", config.hidden_size);
  model.hc_head = read_hc_head(reader, config, "hc_head");
  model.head = reader.plain_matrix("head.weight", config.vocab_size, config.hidden_size);

  const bool has_mtp = reader.has("mtp.0.e_proj.weight");
  model.has_dspark = config.dspark_block_size > 0 || reader.has("mtp.0.main_proj.weight");
  if (has_mtp && model.has_dspark)
    fail(ErrorCode::kInvalidModel,
         "{}: it has both an MTP block (mtp.0.e_proj.weight) and DSpark drafters (dspark_* in config.json or "
         "mtp.0.main_proj.weight); only one of them can belong to this model",
         dir);
  if (has_mtp) model.mtp = std::make_unique<MtpBlock>(read_mtp(reader, config));

  model.rope_window = rope_frequencies(config.rope_theta);
  model.rope_compressed = config.rope_scaling
                              ? yarn_frequencies(config.compress_rope_theta, *config.rope_scaling)
                              : rope_frequencies(config.compress_rope_theta);
  model.weight_bytes_ = reader.bytes();
  report_unused(*model.checkpoint_, reader, model.has_dspark);
  return model;
}

}  // namespace hadal
