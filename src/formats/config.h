// config.json and generation_config.json of a checkpoint: every published key of V3, V3.2, V4, V4-0731 and
// V4.1, checked.
//
// An unknown key warns. What the forward pass could not survive is Error(kInvalidModel) here (see
// parse_config). Names are the file's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/family.h"

namespace hadal {

struct RopeScaling {  // yarn
  double factor = 16;
  int64_t original_max_position_embeddings = 65536;
  double beta_fast = 32;
  double beta_slow = 1;
  double mscale_all_dim = 0;  // V3, V3.2: the softmax scale grows with it; 0 elsewhere
};

// Engram (V4.1): tables of hashed n-grams in front of some layers.
struct EngramConfig {
  std::vector<int64_t> layer_ids;       // ascending
  std::vector<int64_t> num_embeddings;  // rows of each layer's table
  int64_t vocab_size = 0;               // the primes of the tables lie above it
  int64_t compressed_vocab_size = 0;
  int64_t max_ngram_size = 0;
  int64_t n_heads = 0;
  int64_t head_dim = 0;
  int64_t pad_token_id = 0;

  int64_t rows_per_token() const { return (max_ngram_size - 1) * n_heads; }
};

inline constexpr int64_t kMostNgram = 16;

struct ModelConfig {
  Family family = kV4;
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_nextn_predict_layers = 0;  // stale in 0731: never trusted, count the mtp.N
  int64_t num_attention_heads = 0;
  int64_t head_dim = 0;  // of a key row; MLA: kv_lora_rank + qk_rope_head_dim
  int64_t qk_rope_head_dim = 64;
  int64_t q_lora_rank = 0;
  int64_t o_groups = 0;
  int64_t o_lora_rank = 0;
  int64_t sliding_window = 0;
  std::vector<int64_t> compress_ratios;  // at least num_hidden_layers of {0, 4, 128}; V4.1: of {0, 1, 2, ...}
  double rope_theta = 10000;
  double compress_rope_theta = 160000;
  std::optional<RopeScaling> rope_scaling;  // absent: plain frequencies on compressed layers too
  int64_t max_position_embeddings = 0;
  int64_t index_n_heads = 0;
  int64_t index_head_dim = 128;
  int64_t index_topk = 0;
  int64_t n_routed_experts = 0;
  int64_t n_shared_experts = 1;
  int64_t num_experts_per_tok = 0;
  int64_t moe_intermediate_size = 0;
  int64_t num_hash_layers = 0;
  double routed_scaling_factor = 1;
  double swiglu_limit = 0;  // <= 0: no clamp
  int64_t hc_mult = 4;      // 1: plain residual
  int64_t hc_sinkhorn_iters = 20;
  double hc_eps = 1e-6;
  double rms_norm_eps = 1e-6;
  int64_t bos_token_id = 0;
  std::vector<int64_t> eos_token_ids;
  std::string expert_dtype;  // "", "fp4", "fp8": informative, dtypes come from the tensors
  // 0731's drafter (DSpark); block size 0 means none announced.
  int64_t dspark_block_size = 0;
  int64_t dspark_noise_token_id = 0;
  std::vector<int64_t> dspark_target_layer_ids;
  int64_t dspark_markov_rank = 0;
  int64_t dspark_n_routed_experts = 0;
  int64_t dspark_num_experts_per_tok = 0;
  int64_t weight_block = 128;  // side of the tiles of FP8 weights
  // V3, V3.2
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t v_head_dim = 0;
  int64_t intermediate_size = 0;      // of the dense layers
  int64_t first_k_dense_replace = 0;  // how many there are
  int64_t n_group = 1;
  int64_t topk_group = 1;
  // V4.1
  std::vector<int64_t> kv_source_layer_ids;     // layers that own a shared cache
  std::vector<int64_t> index_source_layer_ids;  // layers that choose from it
  int64_t candidate_source_layer_id = -1;       // the one that chooses blocks for the indexers behind it
  int64_t candidate_topk_blocks = 0;
  int64_t candidate_block_size = 0;
  double gate_temp = 1;
  EngramConfig engram;

  bool has_compressed_layers() const;
  bool has_indexer() const { return index_n_heads > 0; }
  bool is_dense(int64_t layer) const { return layer < first_k_dense_replace; }
  // Values that a query head has before it meets the keys.
  int64_t query_head_dim() const {
    return family.attention == AttentionKind::kMla ? qk_nope_head_dim + qk_rope_head_dim : head_dim;
  }
};

inline constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;

// Text of a config.json -> config; `origin` is the path that messages name. Fatal: missing or mistyped keys,
// an unknown model_type, sizes outside the legal ones, len(compress_ratios) < num_hidden_layers, layers whose
// sources are not there, and values that this program does not implement (scoring_func, hidden_act, hc_mult,
// ...).
ModelConfig parse_config(std::string_view json, const std::string& origin);

struct GenerationConfig {
  double temperature = 1.0;
  double top_p = 1.0;
  int64_t top_k = 0;  // 0: off
  bool do_sample = true;
  std::vector<int64_t> eos_token_ids;
};
GenerationConfig parse_generation_config(std::string_view json, const std::string& origin);

}  // namespace hadal
