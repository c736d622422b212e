// A sound config.json with all published keys, and variants of it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace hadal {

inline constexpr std::string_view kConfigText = R"({
  "architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", "vocab_size": 512, "hidden_size": 130,
  "num_hidden_layers": 3, "num_nextn_predict_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 1,
  "head_dim": 192, "qk_rope_head_dim": 64, "q_lora_rank": 33, "o_groups": 2, "o_lora_rank": 17,
  "sliding_window": 16, "compress_ratios": [0, 4, 128, 0], "compress_rope_theta": 160000, "rope_theta": 10000,
  "rope_scaling": {"type": "yarn", "factor": 16, "original_max_position_embeddings": 65536, "beta_fast": 32,
    "beta_slow": 1}, "max_position_embeddings": 1048576, "index_n_heads": 16, "index_head_dim": 128,
  "index_topk": 8, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 3,
  "moe_intermediate_size": 31, "num_hash_layers": 2, "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc",
  "norm_topk_prob": true, "routed_scaling_factor": 1.5, "swiglu_limit": 10.0, "hidden_act": "silu", "hc_mult": 4,
  "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "rms_norm_eps": 1e-20, "attention_bias": false, "attention_dropout": 0.0,
  "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1, "initializer_range": 0.02,
  "torch_dtype": "bfloat16", "use_cache": true, "transformers_version": "4.57.1", "expert_dtype": "fp4",
  "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
    "scale_fmt": "ue8m0", "weight_block_size": [128, 128]},
  "dspark_block_size": 5, "dspark_noise_token_id": 128799, "dspark_target_layer_ids": [40, 41, 42],
  "dspark_markov_rank": 256, "vision_n_layers": 32, "vision_dim": 1024, "vision_n_heads": 16,
  "vision_inter_dim": 2816, "vision_patch_size": 14, "vision_rope_theta": 10000, "vision_downsample_ratio": 3,
  "vision_max_n_token": 384, "vision_min_pixels": 147456, "vision_max_wh_ratio": 8})";

// The text with its one `from` turned into `to`.
inline std::string changed(std::string_view text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  if (at == std::string_view::npos || text.find(from, at + 1) != std::string_view::npos)
    throw std::runtime_error("not there exactly once: " + std::string(from));
  return std::string(text.substr(0, at)).append(to).append(text.substr(at + from.size()));
}

}  // namespace hadal
