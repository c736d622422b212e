#include "model/read_drafter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/printable.h"
#include "model/layout.h"
#include "model/read_block.h"

namespace hadal {
namespace {

MtpBlock read_own_mtp(WeightReader& reader, const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  BlockReader blocks(reader, config);
  MtpBlock mtp;
  mtp.block = blocks.drafter_layer("mtp.0", 0, blocks.main_experts());
  mtp.e_proj = reader.matrix("mtp.0.e_proj", d, d);
  mtp.h_proj = reader.matrix("mtp.0.h_proj", d, d);
  mtp.enorm = reader.norm("mtp.0.enorm", d);
  mtp.hnorm = reader.norm("mtp.0.hnorm", d);
  mtp.norm = reader.norm("mtp.0.norm", d);
  mtp.hc_head = blocks.hc_head("mtp.0.hc_head");
  return mtp;
}

// V3 and V3.2 keep it as one layer more, some with copies of embedding and head.
MtpBlock read_mla_mtp(WeightReader& reader, const ModelConfig& config) {
  const std::string prefix = fmt::format("model.layers.{}", config.num_hidden_layers);
  const int64_t d = config.hidden_size;
  BlockReader blocks(reader, config);
  MtpBlock mtp;
  mtp.block = blocks.drafter_layer(prefix, 0, blocks.main_experts());
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

// What the passes of the drafter could not survive.
void check_dspark_config(const Checkpoint& checkpoint, int64_t stages) {
  const ModelConfig& config = checkpoint.config();
  const auto check = [&](bool ok, const char* key, int64_t value, const std::string& expected) {
    if (!ok)
      fail(ErrorCode::kInvalidModel, "{}: config.json says {} {}, expected {}", checkpoint.dir(), key, value,
           expected);
  };
  check(config.dspark_block_size <= kMostDraftRows, "dspark_block_size", config.dspark_block_size,
        fmt::format("at most {}", kMostDraftRows));
  check(config.dspark_noise_token_id < config.vocab_size, "dspark_noise_token_id",
        config.dspark_noise_token_id, fmt::format("a token id below {}", config.vocab_size));
  check(config.dspark_markov_rank > 0, "dspark_markov_rank", config.dspark_markov_rank, "at least 1");
  check(!config.dspark_target_layer_ids.empty(), "dspark_target_layer_ids", 0, "at least one layer");
  for (const int64_t id : config.dspark_target_layer_ids)
    check(id < config.num_hidden_layers, "dspark_target_layer_ids", id,
          fmt::format("layers below {}", config.num_hidden_layers));
  const int64_t experts = dspark_experts(config);
  check(dspark_experts_per_token(config) <= experts, "dspark_num_experts_per_tok",
        dspark_experts_per_token(config), fmt::format("at most the {} experts", experts));
  const auto ratios = std::ssize(config.compress_ratios) - config.num_hidden_layers;
  if (ratios > 0 && ratios != stages)
    fail(ErrorCode::kInvalidModel,
         "{}: it has {} drafter stages (mtp.N), but compress_ratios in config.json is for {}; the checkpoint "
         "is incomplete, or its config.json belongs to another model",
         checkpoint.dir(), stages, ratios);
}

void check_all_read(const WeightReader& reader, const Checkpoint& checkpoint) {
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    const std::string& name = place.tensor->name;
    if (name.starts_with("mtp.") && !reader.was_read(place.tensor->tensor))
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {} belongs to the drafter, but this program does not know it; without it drafts would "
           "be wrong",
           checkpoint.dir(), in_quotes(name));
  }
}

}  // namespace

MtpBlock read_mtp(WeightReader& reader, const ModelConfig& config) {
  const bool mla = config.family.attention == AttentionKind::kMla;
  return mla ? read_mla_mtp(reader, config) : read_own_mtp(reader, config);
}

Dspark read_dspark(WeightReader& reader, const Checkpoint& checkpoint, int64_t stages) {
  const ModelConfig& config = checkpoint.config();
  check_dspark_config(checkpoint, stages);
  const int64_t d = config.hidden_size;
  const bool v41 = config.family.attention == AttentionKind::kShared;
  BlockReader blocks(reader, config);
  Dspark dspark;
  // V4 taps what its layers give, V4.1 what they get.
  for (const int64_t id : config.dspark_target_layer_ids) dspark.taps.push_back(v41 ? id : id + 1);
  dspark.main_proj = reader.matrix("mtp.0.main_proj", d, std::ssize(dspark.taps) * d);
  dspark.main_norm = reader.norm("mtp.0.main_norm", d);
  for (int64_t s = 0; s < stages; ++s) {
    dspark.stages.push_back(blocks.drafter_layer(fmt::format("mtp.{}", s), s,
                                                 {dspark_experts(config), dspark_experts_per_token(config)}));
    std::visit([](auto& attn) { attn.keys.drafts = true; }, dspark.stages.back().attn);
  }
  const std::string last = fmt::format("mtp.{}", stages - 1);
  dspark.norm = reader.norm(last + ".norm", d);
  if (config.family.residual == ResidualKind::kMhc) dspark.hc_head = blocks.hc_head(last + ".hc_head");
  const std::string markov = last + ".markov_head.";
  const int64_t rank = config.dspark_markov_rank;
  dspark.markov_embed =
      reader.plain_matrix(markov + (v41 ? "embed.weight" : "markov_w1.weight"), config.vocab_size, rank);
  dspark.markov_head =
      reader.plain_matrix(markov + (v41 ? "head.weight" : "markov_w2.weight"), config.vocab_size, rank);
  dspark.confidence = reader.plain_matrix(last + ".confidence_head.proj.weight", 1, d + rank);
  check_all_read(reader, checkpoint);
  return dspark;
}

}  // namespace hadal
