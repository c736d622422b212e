// config.json of V3, V3.2 and V4.1: what is read from the published keys, and what is refused with which
// words.
#include <gtest/gtest.h>

#include "base/error.h"
#include "formats/config.h"
#include "formats/config_text.h"

namespace hadal {
namespace {

constexpr std::string_view kV32Text = R"({
  "architectures": ["DeepseekV32ForCausalLM"], "model_type": "deepseek_v32", "vocab_size": 512, "hidden_size": 130,
  "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1,
  "first_k_dense_replace": 1, "hidden_act": "silu", "index_head_dim": 128, "index_n_heads": 4, "index_topk": 32,
  "initializer_range": 0.02, "intermediate_size": 77, "kv_lora_rank": 100, "max_position_embeddings": 163840,
  "moe_intermediate_size": 31, "moe_layer_freq": 1, "n_group": 4, "n_routed_experts": 12, "n_shared_experts": 1,
  "norm_topk_prob": true, "num_attention_heads": 4, "num_experts_per_tok": 3, "num_hidden_layers": 4,
  "num_key_value_heads": 4, "num_nextn_predict_layers": 1, "q_lora_rank": 33, "qk_nope_head_dim": 40,
  "qk_rope_head_dim": 64, "rms_norm_eps": 1e-06, "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40,
    "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"},
  "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": false,
  "topk_group": 2, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "use_cache": true, "v_head_dim": 36,
  "quantization_config": {"weight_block_size": [128, 128], "fmt": "e4m3"}})";

constexpr std::string_view kV41Text = R"({
  "architectures": ["DeepseekV41ForCausalLM"], "model_type": "deepseek_v41", "dtype": "bfloat16", "bos_token_id": 0,
  "eos_token_id": 1, "pad_token_id": 2, "image_token_id": 500,
  "quantization_config": {"quant_method": "fp8", "weight_block_size": [32, 32], "expert_dtype": "fp4"},
  "text_config": {"model_type": "deepseek_v41_text", "vocab_size": 512, "hidden_size": 130,
    "moe_intermediate_size": 31, "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 1,
    "head_dim": 80, "qk_rope_head_dim": 16, "q_lora_rank": 33, "o_lora_rank": 17, "o_groups": 2,
    "rms_norm_eps": 1e-20, "max_position_embeddings": 1048576, "rope_theta": 10000, "compress_rope_theta": 160000,
    "hc_mult": 4, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2,
    "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 1.5,
    "swiglu_limit": 10.0, "sliding_window": 16, "compress_ratios": [0, 0, 2, 2, 1, 1, 1, 1, 0],
    "kv_source_layer_ids": [2, 4], "index_source_layer_ids": [2, 4, 6], "index_n_heads": 4, "index_head_dim": 32,
    "index_topk": 16, "candidate_source_layer_id": 4, "candidate_topk_blocks": 3, "candidate_block_size": 8,
    "engram_layer_ids": [1, 4], "engram_num_embeddings": [3144, 3424], "engram_vocab_size": 500,
    "engram_max_ngram_size": 4, "engram_n_heads": 2, "engram_head_dim": 32, "engram_pad_token_id": 2,
    "engram_compressed_vocab_size": 400, "gate_temp": 2.0, "dspark_block_size": 5,
    "dspark_n_routed_experts": 4, "dspark_num_experts_per_tok": 2}})";

void expect_refused(std::string_view text, std::string_view from, std::string_view to,
                    std::string_view words) {
  try {
    parse_config(changed(text, from, to), "config.json");
    ADD_FAILURE() << to << " was accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string_view(e.what()).find(words), std::string_view::npos) << e.what();
  }
}

TEST(ConfigFamily, ReadsV32) {
  const ModelConfig config = parse_config(kV32Text, "config.json");
  EXPECT_EQ(config.family.attention, AttentionKind::kMla);
  EXPECT_EQ(config.hc_mult, 1);
  EXPECT_EQ(config.head_dim, 164);
  EXPECT_EQ(config.query_head_dim(), 104);
  EXPECT_TRUE(config.is_dense(0) && !config.is_dense(1));
  EXPECT_EQ(config.n_group, 4);
  EXPECT_EQ(config.rope_scaling->mscale_all_dim, 1);
  EXPECT_TRUE(config.has_indexer());
  const ModelConfig v3 =
      parse_config(changed(kV32Text, "\"deepseek_v32\"", "\"deepseek_v3\""), "config.json");
  EXPECT_FALSE(v3.has_indexer());
}

TEST(ConfigFamily, ReadsRopeParameters) {
  const std::string newer =
      changed(kV32Text, "\"rope_scaling\": {", "\"rope_parameters\": {\"rope_theta\": 50000, ");
  const ModelConfig config = parse_config(newer, "config.json");
  EXPECT_EQ(config.rope_theta, 50000);
  EXPECT_EQ(config.rope_scaling->factor, 40);
  EXPECT_EQ(config.rope_scaling->mscale_all_dim, 1);
  const std::string plain = changed(kV32Text, "\"rms_norm_eps\"",
                                    "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 7}, "
                                    "\"rms_norm_eps\"");
  expect_refused(plain, "\"index_topk\"", "\"index_topk\"",
                 "rope_scaling and rope_parameters are both there");
  const ModelConfig unscaled =
      parse_config(changed(plain, "\"rope_scaling\": {", "\"rope_unused\": {"), "config.json");
  EXPECT_EQ(unscaled.rope_theta, 7);
  EXPECT_FALSE(unscaled.rope_scaling);
}

TEST(ConfigFamily, ReadsV3WithoutALowRankOfQueries) {
  const std::string direct = changed(kV32Text, "\"q_lora_rank\": 33", "\"q_lora_rank\": null");
  EXPECT_EQ(parse_config(changed(direct, "\"deepseek_v32\"", "\"deepseek_v3\""), "config.json").q_lora_rank,
            0);
  expect_refused(kV32Text, "\"q_lora_rank\": 33", "\"q_lora_rank\": null", "q_lora_rank is missing");
}

TEST(ConfigFamily, ReadsV41NestedAndFlat) {
  const ModelConfig config = parse_config(kV41Text, "config.json");
  EXPECT_EQ(config.family.residual, ResidualKind::kCarriedMhc);
  EXPECT_EQ(config.weight_block, 32);
  EXPECT_EQ(config.gate_temp, 2);
  EXPECT_EQ(config.engram.rows_per_token(), 6);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{1});
  std::string flat = changed(kV41Text, "\"text_config\": {\"model_type\": \"deepseek_v41_text\",", "");
  flat.pop_back();
  EXPECT_EQ(parse_config(flat, "config.json").kv_source_layer_ids, config.kv_source_layer_ids);
}

TEST(ConfigFamily, RefusesWhatV32CannotBe) {
  expect_refused(kV32Text, "\"sigmoid\"", "\"softmax\"", "scoring_func");
  expect_refused(kV32Text, "\"n_group\": 4", "\"n_group\": 5", "n_group (5) does not divide");
  expect_refused(kV32Text, "\"topk_group\": 2", "\"topk_group\": 5", "topk_group is 5");
  expect_refused(kV32Text, "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 7",
                 "leaves only 6 experts");
  expect_refused(kV32Text, "\"mscale\": 1.0", "\"mscale\": 0.7", "rope_scaling.mscale is 0.7");
  expect_refused(kV32Text, "\"index_head_dim\": 128", "\"index_head_dim\": 32", "qk_rope_head_dim is 64");
  expect_refused(kV32Text, "\"qk_rope_head_dim\": 64", "\"qk_rope_head_dim\": 63", "qk_rope_head_dim is 63");
  expect_refused(kV32Text, "\"num_key_value_heads\": 4", "\"num_key_value_heads\": 1",
                 "num_key_value_heads is 1");
  const std::string kinds =
      changed(kV32Text, "\"rms_norm_eps\"",
              "\"mlp_layer_types\": [\"dense\", \"sparse\", \"sparse\", \"sparse\"], \"rms_norm_eps\"");
  EXPECT_NO_THROW(parse_config(kinds, "config.json"));
  expect_refused(kinds, ", \"sparse\"]", "]", "mlp_layer_types has 3 entries");
  expect_refused(kinds, "[\"dense\", ", "[\"sparse\", ", "mlp_layer_types[0] is \"sparse\"");
  expect_refused(kV32Text, "[128, 128]", "[64, 64]", "weight_block_size is [64, 64]");
}

TEST(ConfigFamily, RefusesWhatV41CannotBe) {
  expect_refused(kV41Text, "\"kv_source_layer_ids\": [2, 4]", "\"kv_source_layer_ids\": [4]",
                 "no kv_source_layer_ids up to it");
  expect_refused(kV41Text, "\"kv_source_layer_ids\": [2, 4]", "\"kv_source_layer_ids\": [2]",
                 "whose cache it reads");
  expect_refused(kV41Text, "\"kv_source_layer_ids\": [2, 4]", "\"kv_source_layer_ids\": [4, 2]",
                 "not above the 4");
  expect_refused(kV41Text, "\"kv_source_layer_ids\": [2, 4]", "\"kv_source_layer_ids\": [0, 2, 4]",
                 "it has nothing to give");
  expect_refused(kV41Text, "[2, 4, 6]", "[4, 6]", "not in index_source_layer_ids");
  expect_refused(kV41Text, "\"candidate_source_layer_id\": 4", "\"candidate_source_layer_id\": 6",
                 "does not own a cache");
  expect_refused(kV41Text, "[3144, 3424]", "[3144]", "engram_num_embeddings has 1 entries");
  expect_refused(kV41Text, "\"engram_max_ngram_size\": 4", "\"engram_max_ngram_size\": 1",
                 "engram_max_ngram_size is 1");
  expect_refused(kV41Text, "\"index_n_heads\": 4, ", "", "index_n_heads is missing");
}

}  // namespace
}  // namespace hadal
