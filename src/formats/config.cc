#include "formats/config.h"

#include <algorithm>

#include "formats/json.h"
#include "formats/json_fields.h"

namespace hadal {
namespace {

// Far above any real model, and low enough that products of a few of them fit 64 bits.
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostWidth = 1 << 20;  // hidden sizes, ranks, heads, experts
constexpr int64_t kMostTokens = int64_t{1} << 32;
constexpr int64_t kMostVocabulary = 1 << 24;

class ConfigReader {
 public:
  explicit ConfigReader(const JsonFile& file) : file_(file), fields_(file, file.root(), "") {}

  ModelConfig read() {
    check_kind();
    ModelConfig config;
    read_sizes(config);
    read_attention(config);
    read_experts(config);
    read_tokens(config);
    read_drafter(config);
    name_unused();
    fields_.warn_unknown();
    return config;
  }

 private:
  // What only one kind of model has, and this program runs no other.
  void check_kind() {
    if (!fields_.find("model_type")) file_.bad("model_type is missing; only \"deepseek_v4\" is known");
    fields_.expect_text("model_type", "deepseek_v4");
    fields_.expect_text("hidden_act", "silu");
    fields_.expect_text("scoring_func", "sqrtsoftplus");
    fields_.expect_text("topk_method", "noaux_tc");
    fields_.expect_boolean("norm_topk_prob", true);
    fields_.expect_boolean("attention_bias", false);
    fields_.expect_boolean("tie_word_embeddings", false);
    fields_.expect_integer("num_key_value_heads", 1);
    fields_.expect_integer("n_shared_experts", 1);
    fields_.expect_integer("hc_mult", 4);
  }

  void read_sizes(ModelConfig& config) {
    config.vocab_size = fields_.integer("vocab_size", 1, kMostVocabulary);
    config.hidden_size = fields_.integer("hidden_size", 1, kMostWidth);
    config.num_hidden_layers = fields_.integer("num_hidden_layers", 1, kMostLayers);
    config.num_nextn_predict_layers = fields_.integer_or("num_nextn_predict_layers", 0, 0, kMostLayers);
    config.max_position_embeddings = fields_.integer("max_position_embeddings", 1, kMostTokens);
    config.hc_sinkhorn_iters = fields_.integer_or("hc_sinkhorn_iters", config.hc_sinkhorn_iters, 1, 1000);
    config.hc_eps = fields_.positive_or("hc_eps", config.hc_eps);
    config.rms_norm_eps = fields_.positive_or("rms_norm_eps", config.rms_norm_eps);
  }

  void read_attention(ModelConfig& config) {
    config.num_attention_heads = fields_.integer("num_attention_heads", 1, kMostWidth);
    config.qk_rope_head_dim = fields_.integer_or("qk_rope_head_dim", config.qk_rope_head_dim, 1, kMostWidth);
    if (config.qk_rope_head_dim != 64)
      file_.bad("qk_rope_head_dim is {}; this program knows only 64", config.qk_rope_head_dim);
    config.head_dim = fields_.integer("head_dim", 1, kMostWidth);
    if (config.head_dim < 128 || config.head_dim % 64 != 0)
      file_.bad("head_dim is {}; head_dim - 64 must be a multiple of 64 above 0: 128, 192, ...",
                config.head_dim);
    config.q_lora_rank = fields_.integer("q_lora_rank", 1, kMostWidth);
    config.o_lora_rank = fields_.integer("o_lora_rank", 1, kMostWidth);
    config.o_groups = fields_.integer("o_groups", 1, kMostWidth);
    if (config.num_attention_heads % config.o_groups != 0)
      file_.bad("num_attention_heads is {}, which o_groups ({}) does not divide", config.num_attention_heads,
                config.o_groups);
    config.sliding_window = fields_.integer("sliding_window", 1, kMostWidth);
    read_compression(config);
    config.rope_theta = rope_base("rope_theta", config.rope_theta);
    config.compress_rope_theta = rope_base("compress_rope_theta", config.compress_rope_theta);
    if (const auto scaling = fields_.find("rope_scaling")) config.rope_scaling = rope_scaling(*scaling);
  }

  double rope_base(std::string_view key, double otherwise) {
    const double base = fields_.number_or(key, otherwise);
    if (base <= 1) file_.bad("{} is {}; expected a number above 1", key, base);
    return base;
  }

  void read_compression(ModelConfig& config) {
    config.compress_ratios = fields_.integers("compress_ratios", 0, 128);
    const std::vector<int64_t>& ratios = config.compress_ratios;
    if (static_cast<int64_t>(ratios.size()) < config.num_hidden_layers)
      file_.bad("compress_ratios has {} entries, fewer than the {} of num_hidden_layers", ratios.size(),
                config.num_hidden_layers);
    for (size_t i = 0; i < ratios.size(); ++i) {
      if (ratios[i] != 0 && ratios[i] != 4 && ratios[i] != 128)
        file_.bad("compress_ratios[{}] is {}; this program knows 0, 4 and 128", i, ratios[i]);
    }
    const bool indexed = std::find(ratios.begin(), ratios.end(), 4) != ratios.end();
    config.index_head_dim = fields_.integer_or("index_head_dim", config.index_head_dim, 1, kMostWidth);
    config.index_n_heads = fields_.integer_or("index_n_heads", 0, 1, kMostWidth);
    config.index_topk = fields_.integer_or("index_topk", 0, 1, kMostTokens);
    if (!indexed) return;
    if (config.index_head_dim != 128)
      file_.bad("index_head_dim is {}; this program knows only 128", config.index_head_dim);
    if (config.index_n_heads == 0 || config.index_topk == 0)
      file_.bad("compress_ratios has layers of 4, but {} is missing; they need an indexer",
                config.index_n_heads == 0 ? "index_n_heads" : "index_topk");
  }

  RopeScaling rope_scaling(JsonFile::Value value) const {
    JsonFields fields(file_, value, "rope_scaling");
    // Old files say type, new ones rope_type, some both.
    if (!fields.find("type") && !fields.find("rope_type"))
      file_.bad("rope_scaling.type is missing; only \"yarn\" is known");
    fields.expect_text("type", "yarn");
    fields.expect_text("rope_type", "yarn");
    RopeScaling scaling;
    scaling.factor = fields.positive("factor");
    scaling.original_max_position_embeddings =
        fields.integer("original_max_position_embeddings", 1, kMostTokens);
    scaling.beta_fast = fields.positive_or("beta_fast", scaling.beta_fast);
    scaling.beta_slow = fields.positive_or("beta_slow", scaling.beta_slow);
    fields.warn_unknown();
    return scaling;
  }

  void read_experts(ModelConfig& config) {
    config.n_routed_experts = fields_.integer("n_routed_experts", 1, kMostWidth);
    config.num_experts_per_tok = fields_.integer("num_experts_per_tok", 1, kMostWidth);
    if (config.num_experts_per_tok > config.n_routed_experts)
      file_.bad("num_experts_per_tok is {}, more than n_routed_experts ({})", config.num_experts_per_tok,
                config.n_routed_experts);
    config.moe_intermediate_size = fields_.integer("moe_intermediate_size", 1, kMostWidth);
    config.num_hash_layers = fields_.integer("num_hash_layers", 0, kMostLayers);
    config.routed_scaling_factor = fields_.positive("routed_scaling_factor");
    config.swiglu_limit = fields_.number("swiglu_limit");
    config.expert_dtype = fields_.text_or("expert_dtype", "");
  }

  void read_tokens(ModelConfig& config) {
    const int64_t last = config.vocab_size - 1;
    config.bos_token_id = fields_.integer_or("bos_token_id", config.bos_token_id, 0, last);
    config.eos_token_ids = fields_.integers("eos_token_id", 0, last, true);
  }

  void read_drafter(ModelConfig& config) {
    config.dspark_block_size = fields_.integer_or("dspark_block_size", 0, 0, kMostWidth);
    config.dspark_noise_token_id = fields_.integer_or("dspark_noise_token_id", 0, 0, kMostVocabulary);
    config.dspark_target_layer_ids = fields_.integers("dspark_target_layer_ids", 0, kMostLayers);
    config.dspark_markov_rank = fields_.integer_or("dspark_markov_rank", 0, 0, kMostWidth);
  }

  // Published keys that change nothing here: dtypes come from the tensors, and images are not read yet.
  void name_unused() {
    fields_.known({"architectures", "attention_dropout", "dtype", "initializer_range", "quantization_config",
                   "torch_dtype", "transformers_version", "use_cache"});
    fields_.known({"vision_n_layers", "vision_dim", "vision_n_heads", "vision_inter_dim", "vision_patch_size",
                   "vision_rope_theta", "vision_downsample_ratio", "vision_max_n_token", "vision_min_pixels",
                   "vision_max_wh_ratio"});
  }

  const JsonFile& file_;
  JsonFields fields_;
};

}  // namespace

bool ModelConfig::has_compressed_layers() const {
  return std::any_of(compress_ratios.begin(), compress_ratios.begin() + num_hidden_layers,
                     [](int64_t ratio) { return ratio != 0; });
}

ModelConfig parse_config(std::string_view json, const std::string& origin) {
  const JsonFile file(json, origin);
  return ConfigReader(file).read();
}

GenerationConfig parse_generation_config(std::string_view json, const std::string& origin) {
  const JsonFile file(json, origin);
  JsonFields fields(file, file.root(), "");
  GenerationConfig config;
  config.do_sample = fields.boolean_or("do_sample", config.do_sample);
  config.temperature = fields.number_or("temperature", config.temperature);
  if (config.temperature < 0) file.bad("temperature is {}; expected a number from 0 on", config.temperature);
  config.top_p = fields.positive_or("top_p", config.top_p);
  if (config.top_p > 1) file.bad("top_p is {}; expected a number up to 1", config.top_p);
  config.top_k = std::max(int64_t{0}, fields.integer_or("top_k", config.top_k, -1, kMostVocabulary));
  config.eos_token_ids = fields.integers("eos_token_id", 0, kMostVocabulary, true);
  fields.known({"_from_model_config", "bos_token_id", "pad_token_id", "transformers_version"});
  fields.warn_unknown();
  return config;
}

}  // namespace hadal
