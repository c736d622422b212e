#include "model/read_attention.h"

#include <algorithm>
#include <cmath>

#include "model/rope_table.h"

namespace hadal {
namespace {

bool contains(const std::vector<int64_t>& ids, int64_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
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

void read_window(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                 WindowAttention& attn) {
  const int64_t d = config.hidden_size;
  const int64_t heads_width = config.num_attention_heads * config.head_dim;
  const int64_t groups_width = config.o_groups * config.o_lora_rank;
  attn.wq_a = reader.matrix(prefix + ".wq_a", config.q_lora_rank, d);
  attn.q_norm = reader.norm(prefix + ".q_norm", config.q_lora_rank);
  attn.wq_b = reader.matrix(prefix + ".wq_b", heads_width, config.q_lora_rank);
  attn.wkv = reader.matrix(prefix + ".wkv", config.head_dim, d);
  attn.kv_norm = reader.norm(prefix + ".kv_norm", config.head_dim);
  attn.attn_sink = reader.f32(prefix + ".attn_sink", {config.num_attention_heads});
  attn.wo_a = reader.matrix(prefix + ".wo_a", groups_width, heads_width / config.o_groups);
  attn.wo_b = reader.matrix(prefix + ".wo_b", d, groups_width);
}

CompressedAttention read_compressed(WeightReader& reader, const ModelConfig& config,
                                    const std::string& prefix, int64_t ratio, int64_t place) {
  CompressedAttention attn;
  read_window(reader, config, prefix, attn);
  attn.keys = {.window = true, .owner = place, .ratio = ratio, .picked = ratio == 4};
  if (ratio != 0)
    attn.compressor = read_compressor(reader, config, prefix + ".compressor", ratio, config.head_dim);
  if (ratio == 4) attn.indexer = read_indexer(reader, config, prefix + ".indexer");
  return attn;
}

// Some writers put compressor and indexer directly under the layer.
std::string part_of_attention(const WeightReader& reader, const std::string& layer, const std::string& part,
                              const std::string& tensor) {
  const std::string usual = layer + ".attn." + part;
  const std::string direct = layer + "." + part;
  return !reader.has(usual + tensor) && reader.has(direct + tensor) ? direct : usual;
}

SharedCache read_shared_cache(WeightReader& reader, const ModelConfig& config, const std::string& layer,
                              int64_t ratio) {
  const std::string compressor = part_of_attention(reader, layer, "compressor", ".wkv.weight");
  const std::string indexer = part_of_attention(reader, layer, "indexer", ".wk.weight");
  SharedCache cache;
  cache.ratio = ratio;
  cache.wkv = reader.matrix(compressor + ".wkv", config.head_dim, config.hidden_size);
  if (ratio > 1) cache.wgate = reader.matrix(compressor + ".wgate", config.head_dim, config.hidden_size);
  cache.norm = reader.norm(compressor + ".norm", config.head_dim);
  cache.wk = reader.matrix(indexer + ".wk", config.index_head_dim, config.head_dim);
  cache.k_norm = reader.norm(indexer + ".k_norm", config.index_head_dim);
  return cache;
}

SharedAttention read_shared(WeightReader& reader, const ModelConfig& config, const std::string& layer_prefix,
                            int64_t layer) {
  SharedAttention attn;
  read_window(reader, config, layer_prefix + ".attn", attn);
  const int64_t ratio = config.compress_ratios[static_cast<size_t>(layer)];
  if (ratio == 0) return attn;
  const auto owner =
      std::upper_bound(config.kv_source_layer_ids.begin(), config.kv_source_layer_ids.end(), layer) - 1;
  attn.keys = {.window = true, .owner = *owner, .ratio = ratio, .picked = true};
  if (*owner == layer) attn.cache = read_shared_cache(reader, config, layer_prefix, ratio);
  if (contains(config.index_source_layer_ids, layer)) {
    const std::string prefix = part_of_attention(reader, layer_prefix, "indexer", ".weights_proj.weight");
    const bool has_candidates = config.candidate_source_layer_id >= 0;
    attn.indexer = SharedIndexer{
        reader.matrix(prefix + ".wq_b", config.index_n_heads * config.index_head_dim, config.q_lora_rank),
        reader.plain_matrix(prefix + ".weights_proj.weight", config.index_n_heads, config.hidden_size),
        layer == config.candidate_source_layer_id,
        has_candidates && layer > config.candidate_source_layer_id};
  }
  return attn;
}

MlaIndexer read_mla_indexer(WeightReader& reader, const ModelConfig& config, const std::string& prefix) {
  const int64_t dim = config.index_head_dim;
  return {reader.matrix(prefix + ".wq_b", config.index_n_heads * dim, config.q_lora_rank),
          reader.matrix(prefix + ".wk", dim, config.hidden_size),
          reader.plain_matrix(prefix + ".weights_proj.weight", config.index_n_heads, config.hidden_size),
          reader.norm(prefix + ".k_norm", dim), reader.vector(prefix + ".k_norm.bias", {dim})};
}

MlaAttention read_mla(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                      int64_t place) {
  const int64_t heads = config.num_attention_heads;
  const int64_t nope = config.qk_nope_head_dim;
  MlaAttention attn;
  const int64_t queries = heads * config.query_head_dim();
  if (config.q_lora_rank == 0) {
    attn.wq_b = reader.matrix(prefix + ".q_proj", queries, config.hidden_size);
  } else {
    attn.wq_a = reader.matrix(prefix + ".q_a_proj", config.q_lora_rank, config.hidden_size);
    attn.q_norm = reader.norm(prefix + ".q_a_layernorm", config.q_lora_rank);
    attn.wq_b = reader.matrix(prefix + ".q_b_proj", queries, config.q_lora_rank);
  }
  attn.wkv_a = reader.matrix(prefix + ".kv_a_proj_with_mqa", config.head_dim, config.hidden_size);
  attn.kv_norm = reader.norm(prefix + ".kv_a_layernorm", config.kv_lora_rank);
  attn.wkv_b = reader.matrix(prefix + ".kv_b_proj", heads * (nope + config.v_head_dim), config.kv_lora_rank);
  attn.wo = reader.matrix(prefix + ".o_proj", config.hidden_size, heads * config.v_head_dim);
  if (config.has_indexer()) attn.indexer = read_mla_indexer(reader, config, prefix + ".indexer");
  attn.keys = {.window = false, .owner = place, .ratio = 1, .picked = config.has_indexer()};
  const double factor = config.rope_scaling ? yarn_softmax_factor(*config.rope_scaling) : 1.0;
  attn.softmax_scale = static_cast<float>(factor / std::sqrt(static_cast<double>(config.query_head_dim())));
  return attn;
}

}  // namespace

Attention read_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                         int64_t layer) {
  switch (config.family.attention) {
    case AttentionKind::kMla:
      return read_mla(reader, config, prefix + ".self_attn", layer);
    case AttentionKind::kCompressed:
      return read_compressed(reader, config, prefix + ".attn",
                             config.compress_ratios[static_cast<size_t>(layer)], layer);
    case AttentionKind::kShared:
      return read_shared(reader, config, prefix, layer);
  }
  return {};
}

Attention read_drafter_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                                 int64_t place) {
  switch (config.family.attention) {
    case AttentionKind::kMla:
      return read_mla(reader, config, prefix + ".self_attn", place);
    case AttentionKind::kCompressed:
      return read_compressed(reader, config, prefix + ".attn", 0, place);
    case AttentionKind::kShared: {
      SharedAttention attn;
      read_window(reader, config, prefix + ".attn", attn);
      attn.keys.owner = place;
      return attn;
    }
  }
  return {};
}

}  // namespace hadal
