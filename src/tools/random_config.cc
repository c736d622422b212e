#include "tools/random_config.h"

#include <simdjson.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/printable.h"

namespace hadal {
namespace {

struct Entry {
  std::string_view key;
  std::string json;
};

// Flash's config.json (spec 1.1). Keys without a value here depend on the number of layers.
const std::initializer_list<std::pair<std::string_view, std::string_view>> kFlash = {
    {"architectures", R"(["DeepseekV4ForCausalLM"])"},
    {"attention_bias", "false"},
    {"attention_dropout", "0.0"},
    {"bos_token_id", "0"},
    {"eos_token_id", "1"},
    {"hidden_act", R"("silu")"},
    {"hidden_size", "4096"},
    {"initializer_range", "0.02"},
    {"max_position_embeddings", "1048576"},
    {"model_type", R"("deepseek_v4")"},
    {"vocab_size", "129280"},
    {"num_hidden_layers", "43"},
    {"num_nextn_predict_layers", "1"},
    {"num_attention_heads", "64"},
    {"num_key_value_heads", "1"},
    {"head_dim", "512"},
    {"qk_rope_head_dim", "64"},
    {"q_lora_rank", "1024"},
    {"o_groups", "8"},
    {"o_lora_rank", "1024"},
    {"sliding_window", "128"},
    {"compress_ratios", ""},
    {"compress_rope_theta", "160000"},
    {"rope_theta", "10000"},
    {"rope_scaling",
     R"({"beta_fast": 32, "beta_slow": 1, "factor": 16, "original_max_position_embeddings": 65536, "type": "yarn"})"},
    {"index_n_heads", "64"},
    {"index_head_dim", "128"},
    {"index_topk", "512"},
    {"n_routed_experts", "256"},
    {"n_shared_experts", "1"},
    {"num_experts_per_tok", "6"},
    {"moe_intermediate_size", "2048"},
    {"num_hash_layers", ""},
    {"scoring_func", R"("sqrtsoftplus")"},
    {"topk_method", R"("noaux_tc")"},
    {"norm_topk_prob", "true"},
    {"routed_scaling_factor", "1.5"},
    {"swiglu_limit", "10.0"},
    {"hc_mult", "4"},
    {"hc_sinkhorn_iters", "20"},
    {"hc_eps", "1e-06"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "false"},
    {"torch_dtype", R"("bfloat16")"},
    {"transformers_version", R"("4.57.1")"},
    {"use_cache", "true"},
};

struct Preset {
  std::string_view name;
  std::initializer_list<std::pair<std::string_view, int>> sizes;
};

const Preset kPresets[] = {
    {"tiny",
     {{"hidden_size", 256},
      {"num_hidden_layers", 6},
      {"num_attention_heads", 4},
      {"head_dim", 128},
      {"q_lora_rank", 128},
      {"o_groups", 2},
      {"o_lora_rank", 64},
      {"index_n_heads", 16},
      {"n_routed_experts", 64},
      {"moe_intermediate_size", 64},
      {"vocab_size", 32768}}},
    {"mid",
     {{"hidden_size", 1024},
      {"num_hidden_layers", 12},
      {"num_attention_heads", 16},
      {"q_lora_rank", 256},
      {"o_lora_rank", 256},
      {"index_n_heads", 16},
      {"n_routed_experts", 64},
      {"moe_intermediate_size", 512},
      {"vocab_size", 32768}}},
    {"large",
     {{"hidden_size", 2048},
      {"num_hidden_layers", 12},
      {"num_attention_heads", 32},
      {"q_lora_rank", 512},
      {"o_lora_rank", 512},
      {"index_n_heads", 32},
      {"n_routed_experts", 64},
      {"moe_intermediate_size", 1024},
      {"vocab_size", 32768}}},
    {"flash-shape", {{"num_hidden_layers", 4}, {"n_routed_experts", 32}}},
};

class Config {
 public:
  Config() {
    for (const auto& [key, json] : kFlash) entries_.push_back({key, std::string(json)});
  }

  std::string* find(std::string_view key) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
    return found == entries_.end() ? nullptr : &found->json;
  }
  void set(std::string_view key, std::string json) {
    std::string* const value = find(key);
    CHECK(value != nullptr);
    *value = std::move(json);
  }
  void add(std::string_view key, std::string json) { entries_.push_back({key, std::move(json)}); }

  std::string keys() const {
    std::string out;
    for (const Entry& e : entries_) out += (out.empty() ? "" : ", ") + std::string(e.key);
    return out;
  }
  std::string text() const {
    std::string out = "{\n";
    for (const Entry& e : entries_)
      out += fmt::format("  \"{}\": {}{}\n", e.key, e.json, &e == &entries_.back() ? "" : ",");
    return out + "}\n";
  }

 private:
  std::vector<Entry> entries_;
};

void apply_set(Config& config, std::string_view set) {
  const size_t equals = set.find('=');
  if (equals == std::string_view::npos || equals == 0)
    fail(ErrorCode::kUsage, "--set {}: expected KEY=VALUE, for instance hidden_size=200", set);
  const std::string_view key = set.substr(0, equals);
  const std::string_view value = set.substr(equals + 1);
  std::string* const json = config.find(key);
  if (json == nullptr)
    fail(ErrorCode::kUsage, "--set {}: config.json has no key {}; its keys are {}", set, in_quotes(key),
         config.keys());
  simdjson::dom::parser parser;
  simdjson::dom::element parsed;
  if (value.empty() || parser.parse(simdjson::padded_string(value)).get(parsed) != simdjson::SUCCESS)
    fail(ErrorCode::kUsage, "--set {}: {} is not JSON (a number, true, a list in [], text in quotes)", set,
         in_quotes(value));
  *json = std::string(value);
}

// Flash's ratios (spec 1.1): two window-only layers, then 4 and 128 in turn, and 0 for the MTP block.
std::string flash_ratios(int64_t layers) {
  std::string out = "[";
  for (int64_t l = 0; l < layers; ++l) out += l < 2 ? "0, " : l % 2 == 0 ? "4, " : "128, ";
  return out + "0]";
}

int64_t layers_of(Config& config) {
  const std::string& json = *config.find("num_hidden_layers");
  simdjson::dom::parser parser;
  int64_t layers = 0;
  constexpr int64_t kMaxLayers = 1024;
  if (parser.parse(simdjson::padded_string(json)).get(layers) != simdjson::SUCCESS || layers < 1 ||
      layers > kMaxLayers)
    fail(ErrorCode::kUsage, "num_hidden_layers is {}; expected a number from 1 to {}", json, kMaxLayers);
  return layers;
}

}  // namespace

std::vector<std::string> random_presets() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

std::string random_config_json(std::string_view preset_name, const std::vector<std::string>& sets,
                               RandomFormat format) {
  const auto preset = std::find_if(std::begin(kPresets), std::end(kPresets),
                                   [&](const Preset& p) { return p.name == preset_name; });
  if (preset == std::end(kPresets)) {
    fail(ErrorCode::kUsage, "no preset {}; there are {}", in_quotes(preset_name),
         fmt::join(random_presets(), ", "));
  }
  Config config;
  for (const auto& [key, size] : preset->sizes) config.set(key, std::to_string(size));
  for (const std::string& set : sets) apply_set(config, set);
  const int64_t layers = layers_of(config);
  if (config.find("compress_ratios")->empty()) config.set("compress_ratios", flash_ratios(layers));
  if (config.find("num_hash_layers")->empty())
    config.set("num_hash_layers", std::to_string(std::min<int64_t>(layers, 3)));
  if (format == RandomFormat::kFp8Fp4) {
    config.add("expert_dtype", R"("fp4")");
    config.add(
        "quantization_config",
        R"({"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", )"
        R"("weight_block_size": [128, 128]})");
  }
  return config.text();
}

}  // namespace hadal
