#include "formats/config.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/printable.h"
#include "formats/json.h"
#include "formats/json_fields.h"

namespace hadal {
namespace {

// Far above any real model, and low enough that products of a few of them fit 64 bits.
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostWidth = 1 << 20;  // hidden sizes, ranks, heads, experts
constexpr int64_t kMostTokens = int64_t{1} << 32;
constexpr int64_t kMostVocabulary = 1 << 24;
constexpr int64_t kMostRope = 256;
constexpr int64_t kMostIndexWidth = 512;
constexpr int64_t kMostTableRows = (int64_t{1} << 31) - 1;

const Family& family_of(const JsonFile& file, JsonFields& fields) {
  std::vector<std::string> known;
  const std::string_view type = fields.text_or("model_type", "");
  for (const Family& family : kFamilies) {
    if (family.model_type == type) return family;
    known.push_back(fmt::format("\"{}\"", family.model_type));
  }
  if (type.empty()) file.bad("model_type is missing; known are {}", fmt::join(known, ", "));
  file.bad("model_type is {}; known are {}", shown(type), fmt::join(known, ", "));
}

class ConfigReader {
 public:
  // `fields` describe the text model: the whole file, or its text_config.
  ConfigReader(const JsonFile& file, JsonFields& root, JsonFields& fields, const Family& family)
      : file_(file), root_(root), fields_(fields), family_(family) {}

  ModelConfig read() {
    ModelConfig config;
    config.family = family_;
    check_kind();
    read_sizes(config);
    switch (family_.attention) {
      case AttentionKind::kMla:
        read_mla(config);
        break;
      case AttentionKind::kCompressed:
        read_compressed_attention(config);
        break;
      case AttentionKind::kShared:
        read_shared_attention(config);
        break;
    }
    read_experts(config);
    read_tokens(config);
    read_drafter(config);
    if (family_.attention == AttentionKind::kShared) read_engram(config);
    read_quantisation(config);
    name_unused();
    fields_.warn_unknown();
    if (&root_ != &fields_) root_.warn_unknown();
    return config;
  }

 private:
  // What this program runs only one way.
  void check_kind() {
    fields_.expect_text("hidden_act", "silu");
    fields_.expect_text("topk_method", "noaux_tc");
    fields_.expect_boolean("norm_topk_prob", true);
    fields_.expect_boolean("attention_bias", false);
    fields_.expect_boolean("tie_word_embeddings", false);
    fields_.expect_text("scoring_func",
                        family_.router == RouterKind::kSigmoidGroups ? "sigmoid" : "sqrtsoftplus");
    if (family_.attention != AttentionKind::kMla) {
      fields_.expect_integer("num_key_value_heads", 1);
      fields_.expect_integer("n_shared_experts", 1);
      fields_.expect_integer("hc_mult", 4);
    }
  }

  void read_sizes(ModelConfig& config) {
    config.vocab_size = fields_.integer("vocab_size", 1, kMostVocabulary);
    config.hidden_size = fields_.integer("hidden_size", 1, kMostWidth);
    config.num_hidden_layers = fields_.integer("num_hidden_layers", 1, kMostLayers);
    config.num_nextn_predict_layers = fields_.integer_or("num_nextn_predict_layers", 0, 0, kMostLayers);
    config.max_position_embeddings = fields_.integer("max_position_embeddings", 1, kMostTokens);
    if (family_.residual == ResidualKind::kPlain) {
      config.hc_mult = 1;
    } else {
      config.hc_sinkhorn_iters = fields_.integer_or("hc_sinkhorn_iters", config.hc_sinkhorn_iters, 1, 1000);
      config.hc_eps = fields_.positive_or("hc_eps", config.hc_eps);
    }
    config.rms_norm_eps = fields_.positive_or("rms_norm_eps", config.rms_norm_eps);
  }

  // What compressed and shared attention have in common.
  void read_window_attention(ModelConfig& config) {
    config.num_attention_heads = fields_.integer("num_attention_heads", 1, kMostWidth);
    config.qk_rope_head_dim = fields_.integer_or("qk_rope_head_dim", config.qk_rope_head_dim, 1, kMostWidth);
    config.head_dim = fields_.integer("head_dim", 1, kMostWidth);
    config.q_lora_rank = fields_.integer("q_lora_rank", 1, kMostWidth);
    config.o_lora_rank = fields_.integer("o_lora_rank", 1, kMostWidth);
    config.o_groups = fields_.integer("o_groups", 1, kMostWidth);
    if (config.num_attention_heads % config.o_groups != 0)
      file_.bad("num_attention_heads is {}, which o_groups ({}) does not divide", config.num_attention_heads,
                config.o_groups);
    config.sliding_window = fields_.integer("sliding_window", 1, kMostWidth);
    config.compress_ratios = fields_.integers("compress_ratios", 0, 128);
    if (static_cast<int64_t>(config.compress_ratios.size()) < config.num_hidden_layers)
      file_.bad("compress_ratios has {} entries, fewer than the {} of num_hidden_layers",
                config.compress_ratios.size(), config.num_hidden_layers);
    config.rope_theta = rope_base(fields_, "rope_theta", config.rope_theta);
    config.compress_rope_theta = rope_base(fields_, "compress_rope_theta", config.compress_rope_theta);
    if (const auto scaling = fields_.find("rope_scaling")) config.rope_scaling = rope_scaling(*scaling);
  }

  void check_rope(const ModelConfig& config, int64_t room, std::string_view room_name) const {
    if (config.qk_rope_head_dim % 2 != 0 || config.qk_rope_head_dim > kMostRope ||
        config.qk_rope_head_dim > room)
      file_.bad("qk_rope_head_dim is {}; expected an even number up to {} and up to {} ({})",
                config.qk_rope_head_dim, kMostRope, room_name, room);
  }

  void read_mla(ModelConfig& config) {
    config.num_attention_heads = fields_.integer("num_attention_heads", 1, kMostWidth);
    fields_.integer_or("num_key_value_heads", config.num_attention_heads, config.num_attention_heads,
                       config.num_attention_heads);
    // The indexer's queries need the low rank.
    config.q_lora_rank = is_v3() ? fields_.integer_or("q_lora_rank", 0, 1, kMostWidth)
                                 : fields_.integer("q_lora_rank", 1, kMostWidth);
    config.kv_lora_rank = fields_.integer("kv_lora_rank", 1, kMostWidth);
    config.qk_nope_head_dim = fields_.integer("qk_nope_head_dim", 1, kMostWidth);
    config.qk_rope_head_dim = fields_.integer("qk_rope_head_dim", 1, kMostWidth);
    config.v_head_dim = fields_.integer("v_head_dim", 1, kMostWidth);
    config.head_dim = config.kv_lora_rank + config.qk_rope_head_dim;
    check_rope(config, config.head_dim, "the key");
    // Newer files repeat what follows from these.
    fields_.known({"head_dim", "qk_head_dim", "layer_types"});
    fields_.expect_boolean("rope_interleave", true);
    fields_.expect_boolean("mlp_bias", false);
    read_mla_rope(config);
    if (is_v3()) return;
    read_indexer(config);
    check_rope(config, config.index_head_dim, "index_head_dim");
  }

  bool is_v3() const { return family_.model_type == "deepseek_v3"; }

  // Either rope_theta and rope_scaling, or transformers' newer rope_parameters with both in it.
  void read_mla_rope(ModelConfig& config) {
    config.rope_theta = rope_base(fields_, "rope_theta", config.rope_theta);
    if (const auto scaling = fields_.find("rope_scaling")) config.rope_scaling = rope_scaling(*scaling);
    const auto value = fields_.find("rope_parameters");
    if (!value) return;
    if (config.rope_scaling)
      file_.bad("rope_scaling and rope_parameters are both there; leave one of them out");
    JsonFields parameters(file_, *value, "rope_parameters");
    config.rope_theta = rope_base(parameters, "rope_theta", config.rope_theta);
    if (parameters.text_or("rope_type", "") == "default")
      parameters.warn_unknown();
    else
      config.rope_scaling = rope_scaling(parameters, "rope_parameters");
  }

  void read_compressed_attention(ModelConfig& config) {
    read_window_attention(config);
    if (config.qk_rope_head_dim != 64)
      file_.bad("qk_rope_head_dim is {}; this program knows only 64", config.qk_rope_head_dim);
    if (config.head_dim < 128 || config.head_dim % 64 != 0)
      file_.bad("head_dim is {}; head_dim - 64 must be a multiple of 64 above 0: 128, 192, ...",
                config.head_dim);
    const std::vector<int64_t>& ratios = config.compress_ratios;
    for (size_t i = 0; i < ratios.size(); ++i) {
      if (ratios[i] != 0 && ratios[i] != 4 && ratios[i] != 128)
        file_.bad("compress_ratios[{}] is {}; this program knows 0, 4 and 128", i, ratios[i]);
    }
    config.index_head_dim = fields_.integer_or("index_head_dim", config.index_head_dim, 1, kMostWidth);
    config.index_n_heads = fields_.integer_or("index_n_heads", 0, 1, kMostWidth);
    config.index_topk = fields_.integer_or("index_topk", 0, 1, kMostTokens);
    if (std::find(ratios.begin(), ratios.end(), 4) == ratios.end()) return;
    if (config.index_head_dim != 128)
      file_.bad("index_head_dim is {}; this program knows only 128", config.index_head_dim);
    if (config.index_n_heads == 0 || config.index_topk == 0)
      file_.bad("compress_ratios has layers of 4, but {} is missing; they need an indexer",
                config.index_n_heads == 0 ? "index_n_heads" : "index_topk");
  }

  void read_indexer(ModelConfig& config) {
    config.index_head_dim = fields_.integer("index_head_dim", 1, kMostIndexWidth);
    config.index_n_heads = fields_.integer("index_n_heads", 1, kMostWidth);
    config.index_topk = fields_.integer("index_topk", 1, kMostTokens);
  }

  void read_shared_attention(ModelConfig& config) {
    read_window_attention(config);
    check_rope(config, config.head_dim, "head_dim");
    config.kv_source_layer_ids = ascending_layers("kv_source_layer_ids", config);
    config.index_source_layer_ids = ascending_layers("index_source_layer_ids", config);
    if (!config.has_compressed_layers()) return;
    read_indexer(config);
    check_rope(config, config.index_head_dim, "index_head_dim");
    config.candidate_source_layer_id =
        fields_.integer_or("candidate_source_layer_id", -1, 0, config.num_hidden_layers - 1);
    if (config.candidate_source_layer_id >= 0) {
      config.candidate_topk_blocks = fields_.integer("candidate_topk_blocks", 1, kMostTokens);
      config.candidate_block_size = fields_.integer("candidate_block_size", 1, kMostTokens);
    }
    check_sources(config);
  }

  std::vector<int64_t> ascending_layers(std::string_view key, const ModelConfig& config) {
    std::vector<int64_t> layers = fields_.integers(key, 0, config.num_hidden_layers - 1);
    for (size_t i = 1; i < layers.size(); ++i) {
      if (layers[i] <= layers[i - 1])
        file_.bad("{}[{}] is {}, not above the {} before it", fields_.name_of(key), i, layers[i],
                  layers[i - 1]);
    }
    return layers;
  }

  // Every layer with a ratio reads the cache of the last owner and picks of the last indexer up to itself.
  void check_sources(const ModelConfig& config) const {
    const auto is_in = [](const std::vector<int64_t>& ids, int64_t layer) {
      return std::find(ids.begin(), ids.end(), layer) != ids.end();
    };
    int64_t owner = -1;
    bool candidates = false;
    for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
      const int64_t ratio = config.compress_ratios[static_cast<size_t>(l)];
      const bool owns = is_in(config.kv_source_layer_ids, l);
      const bool chooses = is_in(config.index_source_layer_ids, l);
      if (ratio == 0) {
        if (owns || chooses)
          file_.bad("layer {} is a source, but its compress_ratios is 0: it has nothing to give", l);
        continue;
      }
      if (owns) owner = l;
      if (owner < 0)
        file_.bad("compress_ratios[{}] is {}, but no kv_source_layer_ids up to it owns a cache", l, ratio);
      if (config.compress_ratios[static_cast<size_t>(owner)] != ratio)
        file_.bad("compress_ratios[{}] is {}, but layer {}, whose cache it reads, has {}", l, ratio, owner,
                  config.compress_ratios[static_cast<size_t>(owner)]);
      if (owns && !chooses)
        file_.bad("layer {} owns a cache but is not in index_source_layer_ids: nobody would choose from it",
                  l);
      if (l == config.candidate_source_layer_id) {
        if (!owns) file_.bad("candidate_source_layer_id is {}, which does not own a cache", l);
        candidates = true;
      } else if (owns && candidates) {
        file_.bad("layer {} owns a cache behind candidate_source_layer_id ({}); the candidates are not its",
                  l, config.candidate_source_layer_id);
      }
    }
    if (config.candidate_source_layer_id >= 0 && !candidates)
      file_.bad("candidate_source_layer_id is {}, which does not own a cache",
                config.candidate_source_layer_id);
  }

  void read_engram(ModelConfig& config) {
    EngramConfig& engram = config.engram;
    engram.layer_ids = ascending_layers("engram_layer_ids", config);
    engram.pad_token_id = fields_.integer_or("engram_pad_id", 2, 0, config.vocab_size - 1);
    engram.pad_token_id =
        fields_.integer_or("engram_pad_token_id", engram.pad_token_id, 0, config.vocab_size - 1);
    fields_.known({"engram_num_embeddings", "engram_vocab_size", "engram_max_ngram_size", "engram_n_heads",
                   "engram_head_dim", "engram_compressed_vocab_size"});
    if (engram.layer_ids.empty()) return;
    engram.num_embeddings = fields_.integers("engram_num_embeddings", 1, kMostTableRows);
    if (engram.num_embeddings.size() != engram.layer_ids.size())
      file_.bad("engram_num_embeddings has {} entries for {} engram_layer_ids", engram.num_embeddings.size(),
                engram.layer_ids.size());
    engram.vocab_size = fields_.integer("engram_vocab_size", 2, kMostTableRows);
    engram.compressed_vocab_size = fields_.integer("engram_compressed_vocab_size", 1, config.vocab_size);
    engram.max_ngram_size = fields_.integer("engram_max_ngram_size", 2, kMostNgram);
    engram.n_heads = fields_.integer("engram_n_heads", 1, 1024);
    engram.head_dim = fields_.integer("engram_head_dim", 1, kMostWidth);
  }

  void read_quantisation(ModelConfig& config) {
    const auto value = root_.find("quantization_config");
    if (!value) return;
    JsonFields fields(file_, *value, "quantization_config");
    const std::vector<int64_t> block = fields.integers("weight_block_size", 1, kMostWidth);
    if (block.empty()) return;
    if (block.size() != 2 || block[0] != block[1] || (block[0] != 32 && block[0] != 128))
      file_.bad("quantization_config.weight_block_size is [{}]; this program knows [32, 32] and [128, 128]",
                fmt::join(block, ", "));
    config.weight_block = block[0];
  }

  double rope_base(JsonFields& fields, std::string_view key, double otherwise) const {
    const double base = fields.number_or(key, otherwise);
    if (base <= 1) file_.bad("{} is {}; expected a number above 1", fields.name_of(key), base);
    return base;
  }

  RopeScaling rope_scaling(JsonFile::Value value) const {
    JsonFields fields(file_, value, "rope_scaling");
    return rope_scaling(fields, "rope_scaling");
  }
  RopeScaling rope_scaling(JsonFields& fields, std::string_view name) const {
    // Old files say type, new ones rope_type, some both.
    if (!fields.find("type") && !fields.find("rope_type"))
      file_.bad("{}.type is missing; only \"yarn\" is known", name);
    fields.expect_text("type", "yarn");
    fields.expect_text("rope_type", "yarn");
    RopeScaling scaling;
    scaling.factor = fields.positive("factor");
    scaling.original_max_position_embeddings =
        fields.integer("original_max_position_embeddings", 1, kMostTokens);
    scaling.beta_fast = fields.positive_or("beta_fast", scaling.beta_fast);
    scaling.beta_slow = fields.positive_or("beta_slow", scaling.beta_slow);
    if (family_.attention == AttentionKind::kMla) {
      // The tables themselves are scaled by their quotient, which is 1 in every published file.
      const double mscale = fields.number_or("mscale", 1);
      scaling.mscale_all_dim = fields.number_or("mscale_all_dim", 0);
      if (scaling.mscale_all_dim != 0 && mscale != scaling.mscale_all_dim)
        file_.bad("{}.mscale is {} and mscale_all_dim {}; this program knows only equal ones", name, mscale,
                  scaling.mscale_all_dim);
    }
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
    config.routed_scaling_factor = fields_.positive("routed_scaling_factor");
    config.expert_dtype = fields_.text_or("expert_dtype", "");
    if (family_.router == RouterKind::kSigmoidGroups) return read_groups(config);
    config.swiglu_limit = fields_.number("swiglu_limit");
    if (family_.attention == AttentionKind::kCompressed) {
      config.num_hash_layers = fields_.integer("num_hash_layers", 0, kMostLayers);
    } else {
      config.gate_temp = fields_.positive_or("gate_temp", config.gate_temp);
    }
  }

  void read_groups(ModelConfig& config) {
    config.n_shared_experts = fields_.integer_or("n_shared_experts", 1, 1, 64);
    config.intermediate_size = fields_.integer("intermediate_size", 1, kMostWidth);
    config.first_k_dense_replace =
        fields_.integer_or("first_k_dense_replace", 0, 0, config.num_hidden_layers);
    fields_.expect_integer("moe_layer_freq", 1);
    fields_.known({"output_router_logits"});
    check_layer_kinds(config.num_hidden_layers, config.first_k_dense_replace);
    config.n_group = fields_.integer_or("n_group", 1, 1, config.n_routed_experts);
    config.topk_group = fields_.integer_or("topk_group", 1, 1, config.n_group);
    if (config.n_routed_experts % config.n_group != 0)
      file_.bad("n_routed_experts is {}, which n_group ({}) does not divide", config.n_routed_experts,
                config.n_group);
    const int64_t choice = config.n_routed_experts / config.n_group * config.topk_group;
    if (config.num_experts_per_tok > choice)
      file_.bad("num_experts_per_tok is {}, but topk_group leaves only {} experts",
                config.num_experts_per_tok, choice);
  }

  // mlp_layer_types, where it is there, says the same as first_k_dense_replace.
  void check_layer_kinds(int64_t layers, int64_t dense) {
    const auto value = fields_.find("mlp_layer_types");
    if (!value) return;
    simdjson::dom::array kinds;
    if (value->get_array().get(kinds) != simdjson::SUCCESS)
      file_.bad("mlp_layer_types is {}; expected a list", shown(*value));
    int64_t layer = 0;
    for (const JsonFile::Value kind : kinds) {
      const std::string_view expected = layer < dense ? "dense" : "sparse";
      std::string_view text;
      if (kind.get_string().get(text) != simdjson::SUCCESS || text != expected)
        file_.bad("mlp_layer_types[{}] is {}; with first_k_dense_replace {} it must be \"{}\"", layer,
                  shown(kind), dense, expected);
      ++layer;
    }
    if (layer != layers) file_.bad("mlp_layer_types has {} entries for {} layers", layer, layers);
  }

  void read_tokens(ModelConfig& config) {
    const int64_t last = config.vocab_size - 1;
    config.bos_token_id = root_.integer_or("bos_token_id", config.bos_token_id, 0, last);
    config.eos_token_ids = root_.integers("eos_token_id", 0, last, true);
    if (&root_ != &fields_) fields_.known({"model_type", "bos_token_id", "eos_token_id", "pad_token_id"});
  }

  void read_drafter(ModelConfig& config) {
    config.dspark_block_size = fields_.integer_or("dspark_block_size", 0, 0, kMostWidth);
    config.dspark_noise_token_id = fields_.integer_or("dspark_noise_token_id", 0, 0, kMostVocabulary);
    config.dspark_target_layer_ids = fields_.integers("dspark_target_layer_ids", 0, kMostLayers);
    config.dspark_markov_rank = fields_.integer_or("dspark_markov_rank", 0, 0, kMostWidth);
    config.dspark_n_routed_experts = fields_.integer_or("dspark_n_routed_experts", 0, 0, kMostWidth);
    config.dspark_num_experts_per_tok = fields_.integer_or("dspark_num_experts_per_tok", 0, 0, kMostWidth);
  }

  // Published keys that change nothing here: dtypes come from the tensors, and images are not read yet.
  void name_unused() {
    for (JsonFields* const fields : {&root_, &fields_})
      fields->known({"architectures", "attention_dropout", "dtype", "ep_size", "initializer_range",
                     "quantization_config", "torch_dtype", "transformers_version", "use_cache", "auto_map",
                     "pretraining_tp", "pad_token_id", "image_token_id", "vision_config"});
    fields_.known({"vision_n_layers", "vision_dim", "vision_n_heads", "vision_inter_dim", "vision_patch_size",
                   "vision_rope_theta", "vision_downsample_ratio", "vision_max_n_token", "vision_min_pixels",
                   "vision_max_wh_ratio"});
  }

  const JsonFile& file_;
  JsonFields& root_;
  JsonFields& fields_;
  const Family& family_;
};

}  // namespace

bool ModelConfig::has_compressed_layers() const {
  return std::any_of(compress_ratios.begin(), compress_ratios.begin() + num_hidden_layers,
                     [](int64_t ratio) { return ratio != 0; });
}

ModelConfig parse_config(std::string_view json, const std::string& origin) {
  const JsonFile file(json, origin);
  JsonFields root(file, file.root(), "");
  const Family& family = family_of(file, root);
  const auto text = family.attention == AttentionKind::kShared ? root.find("text_config") : std::nullopt;
  if (!text) return ConfigReader(file, root, root, family).read();
  JsonFields fields(file, *text, "text_config");
  return ConfigReader(file, root, fields, family).read();
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
