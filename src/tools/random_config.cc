#include "tools/random_config.h"

#include <simdjson.h>

#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/printable.h"
#include "model/engram_hash.h"
#include "text/engram_vocabulary.h"
#include "tools/random_tokenizer.h"

namespace hadal {
namespace {

struct Entry {
  std::string_view key;
  std::string json;
};

using Published = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Flash's config.json (spec 1.1). Keys without a value here depend on others.
const Published kFlash = {
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
    {"dspark_block_size", ""},
    {"dspark_noise_token_id", ""},
    {"dspark_target_layer_ids", ""},
    {"dspark_markov_rank", ""},
};

// V3.2's (spec D.1).
const Published kV32 = {
    {"architectures", R"(["DeepseekV32ForCausalLM"])"},
    {"attention_bias", "false"},
    {"attention_dropout", "0.0"},
    {"bos_token_id", "0"},
    {"eos_token_id", "1"},
    {"first_k_dense_replace", "3"},
    {"hidden_act", R"("silu")"},
    {"hidden_size", "7168"},
    {"index_head_dim", "128"},
    {"index_n_heads", "64"},
    {"index_topk", "2048"},
    {"initializer_range", "0.02"},
    {"intermediate_size", "18432"},
    {"kv_lora_rank", "512"},
    {"max_position_embeddings", "163840"},
    {"model_type", R"("deepseek_v32")"},
    {"moe_intermediate_size", "2048"},
    {"moe_layer_freq", "1"},
    {"n_group", "8"},
    {"n_routed_experts", "256"},
    {"n_shared_experts", "1"},
    {"norm_topk_prob", "true"},
    {"num_attention_heads", "128"},
    {"num_experts_per_tok", "8"},
    {"num_hidden_layers", "61"},
    {"num_key_value_heads", ""},
    {"num_nextn_predict_layers", "1"},
    {"q_lora_rank", "1536"},
    {"qk_nope_head_dim", "128"},
    {"qk_rope_head_dim", "64"},
    {"rms_norm_eps", "1e-06"},
    {"rope_scaling",
     R"({"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"})"},
    {"rope_theta", "10000"},
    {"routed_scaling_factor", "2.5"},
    {"scoring_func", R"("sigmoid")"},
    {"tie_word_embeddings", "false"},
    {"topk_group", "4"},
    {"topk_method", R"("noaux_tc")"},
    {"torch_dtype", R"("bfloat16")"},
    {"transformers_version", R"("4.57.1")"},
    {"use_cache", "true"},
    {"v_head_dim", "128"},
    {"vocab_size", "129280"},
};

// V4.1's text model (spec A.2), without a drafter unless dspark_block_size is set.
const Published kV41 = {
    {"architectures", R"(["DeepseekV41ForCausalLM"])"},
    {"attention_bias", "false"},
    {"attention_dropout", "0.0"},
    {"bos_token_id", "0"},
    {"eos_token_id", "1"},
    {"hidden_act", R"("silu")"},
    {"hidden_size", "5120"},
    {"initializer_range", "0.02"},
    {"max_position_embeddings", "1048576"},
    {"model_type", R"("deepseek_v41")"},
    {"vocab_size", "129280"},
    {"num_hidden_layers", "40"},
    {"num_nextn_predict_layers", "0"},
    {"num_attention_heads", "64"},
    {"num_key_value_heads", "1"},
    {"head_dim", "512"},
    {"qk_rope_head_dim", "64"},
    {"q_lora_rank", "1280"},
    {"o_groups", "8"},
    {"o_lora_rank", "1024"},
    {"sliding_window", "128"},
    {"compress_ratios", ""},
    {"compress_rope_theta", "160000"},
    {"rope_theta", "10000"},
    {"rope_scaling",
     R"({"beta_fast": 32, "beta_slow": 1, "factor": 16, "original_max_position_embeddings": 65536, "type": "yarn"})"},
    {"kv_source_layer_ids", "[2, 8, 14, 20]"},
    {"index_source_layer_ids", "[2, 8, 14, 20, 24, 28, 32, 36]"},
    {"index_n_heads", "32"},
    {"index_head_dim", "128"},
    {"index_topk", "512"},
    {"candidate_source_layer_id", "20"},
    {"candidate_topk_blocks", "2048"},
    {"candidate_block_size", "8"},
    {"n_routed_experts", "384"},
    {"n_shared_experts", "1"},
    {"num_experts_per_tok", "6"},
    {"moe_intermediate_size", "2304"},
    {"scoring_func", R"("sqrtsoftplus")"},
    {"topk_method", R"("noaux_tc")"},
    {"norm_topk_prob", "true"},
    {"routed_scaling_factor", "1.5"},
    {"swiglu_limit", "10.0"},
    {"engram_layer_ids", "[1, 14]"},
    {"engram_vocab_size", "16000000"},
    {"engram_max_ngram_size", "4"},
    {"engram_n_heads", "8"},
    {"engram_head_dim", "256"},
    {"engram_pad_token_id", "2"},
    {"engram_compressed_vocab_size", ""},
    {"engram_num_embeddings", ""},
    {"hc_mult", "4"},
    {"hc_sinkhorn_iters", "20"},
    {"hc_eps", "1e-06"},
    {"rms_norm_eps", "1e-20"},
    {"tie_word_embeddings", "false"},
    {"torch_dtype", R"("bfloat16")"},
    {"transformers_version", R"("4.57.1")"},
    {"use_cache", "true"},
    {"dspark_block_size", ""},
    {"dspark_noise_token_id", ""},
    {"dspark_target_layer_ids", ""},
    {"dspark_markov_rank", ""},
    {"dspark_n_routed_experts", ""},
    {"dspark_num_experts_per_tok", ""},
};

struct Preset {
  std::string_view name;
  const Published& base;
  std::initializer_list<std::pair<std::string_view, int>> sizes;
  Published lists = {};
};

// Layers of V4.1 in small: two with a window only, two pairs on caches of ratio 2, four on one of ratio 1.
const Published kV41Lists = {{"compress_ratios", "[0, 0, 2, 2, 2, 2, 1, 1, 1, 1]"},
                             {"kv_source_layer_ids", "[2, 4, 6]"},
                             {"index_source_layer_ids", "[2, 4, 6, 8]"},
                             {"engram_layer_ids", "[1, 4]"}};

const Preset kPresets[] = {
    {"tiny",
     kFlash,
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
     kFlash,
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
     kFlash,
     {{"hidden_size", 2048},
      {"num_hidden_layers", 12},
      {"num_attention_heads", 32},
      {"q_lora_rank", 512},
      {"o_lora_rank", 512},
      {"index_n_heads", 32},
      {"n_routed_experts", 64},
      {"moe_intermediate_size", 1024},
      {"vocab_size", 32768}}},
    {"flash-shape", kFlash, {{"num_hidden_layers", 4}, {"n_routed_experts", 32}}},
    {"v32-tiny",
     kV32,
     {{"hidden_size", 256},
      {"num_hidden_layers", 4},
      {"first_k_dense_replace", 1},
      {"intermediate_size", 512},
      {"num_attention_heads", 4},
      {"q_lora_rank", 128},
      {"kv_lora_rank", 128},
      {"qk_nope_head_dim", 64},
      {"v_head_dim", 64},
      {"index_n_heads", 8},
      {"index_topk", 64},
      {"n_routed_experts", 32},
      {"num_experts_per_tok", 4},
      {"moe_intermediate_size", 64},
      {"vocab_size", 32768}}},
    {"v32-large",
     kV32,
     {{"hidden_size", 2048},
      {"num_hidden_layers", 12},
      {"first_k_dense_replace", 1},
      {"intermediate_size", 6144},
      {"num_attention_heads", 32},
      {"q_lora_rank", 768},
      {"index_n_heads", 16},
      {"index_topk", 512},
      {"n_routed_experts", 64},
      {"num_experts_per_tok", 6},
      {"moe_intermediate_size", 1024},
      {"vocab_size", 32768}}},
    {"v41-tiny",
     kV41,
     {{"hidden_size", 256},
      {"num_hidden_layers", 10},
      {"num_attention_heads", 4},
      {"head_dim", 128},
      {"q_lora_rank", 128},
      {"o_groups", 2},
      {"o_lora_rank", 64},
      {"sliding_window", 32},
      {"index_n_heads", 8},
      {"index_topk", 32},
      {"candidate_source_layer_id", 6},
      {"candidate_topk_blocks", 8},
      {"n_routed_experts", 32},
      {"moe_intermediate_size", 64},
      {"engram_vocab_size", 2000},
      {"engram_n_heads", 4},
      {"engram_head_dim", 64},
      {"vocab_size", 32768}},
     kV41Lists},
    {"v41-large",
     kV41,
     {{"hidden_size", 2048},
      {"num_hidden_layers", 10},
      {"num_attention_heads", 32},
      {"q_lora_rank", 512},
      {"o_lora_rank", 512},
      {"index_n_heads", 16},
      {"candidate_source_layer_id", 6},
      {"candidate_topk_blocks", 256},
      {"n_routed_experts", 96},
      {"moe_intermediate_size", 1024},
      {"engram_vocab_size", 100000},
      {"vocab_size", 32768}},
     kV41Lists},
};

class Config {
 public:
  explicit Config(const Published& base) {
    for (const auto& [key, json] : base) entries_.push_back({key, std::string(json)});
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
    const char* between = "";
    for (const Entry& e : entries_) {
      if (e.json.empty()) continue;  // a key for what this model does not have
      out += fmt::format("{}  \"{}\": {}", between, e.key, e.json);
      between = ",\n";
    }
    return out + "\n}\n";
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

// Flash's ratios (spec 1.1): two window-only layers, then 4 and 128 in turn, and 0 for each of the drafter's.
std::string flash_ratios(int64_t layers, int64_t drafter_layers) {
  std::string out = "[";
  for (int64_t l = 0; l < layers; ++l) out += l < 2 ? "0, " : l % 2 == 0 ? "4, " : "128, ";
  for (int64_t l = 1; l < drafter_layers; ++l) out += "0, ";
  return out + "0]";
}

constexpr int64_t kDsparkStages = 3;

std::vector<int64_t> last_layers(int64_t layers) {
  std::vector<int64_t> ids;
  for (int64_t l = std::max<int64_t>(layers - 3, 0); l < layers; ++l) ids.push_back(l);
  return ids;
}

int64_t number_of(Config& config, std::string_view key, int64_t most) {
  const std::string& json = *config.find(key);
  simdjson::dom::parser parser;
  int64_t number = 0;
  if (parser.parse(simdjson::padded_string(json)).get(number) != simdjson::SUCCESS || number < 1 ||
      number > most)
    fail(ErrorCode::kUsage, "{} is {}; expected a number from 1 to {}", key, json, most);
  return number;
}

std::vector<int64_t> numbers_of(Config& config, std::string_view key) {
  const std::string& json = *config.find(key);
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  std::vector<int64_t> numbers;
  if (parser.parse(simdjson::padded_string(json)).get(array) != simdjson::SUCCESS)
    fail(ErrorCode::kUsage, "{} is {}; expected a list of numbers", key, json);
  for (const simdjson::dom::element element : array) {
    int64_t number = 0;
    if (element.get(number) != simdjson::SUCCESS || number < 0)
      fail(ErrorCode::kUsage, "{} is {}; expected a list of numbers", key, json);
    numbers.push_back(number);
  }
  return numbers;
}

// What Engram's tables need follows from the vocabulary that is written beside them, and from its primes.
void fill_in_engram(Config& config) {
  std::string& classes = *config.find("engram_compressed_vocab_size");
  if (classes.empty()) {
    const int64_t tokens = number_of(config, "vocab_size", 1 << 24);
    const std::optional<std::string> tokenizer = random_tokenizer_json(tokens, true);
    if (!tokenizer) fail(ErrorCode::kUsage, "vocab_size is {}: Engram needs room for a tokenizer", tokens);
    const std::vector<int32_t> map =
        compressed_vocabulary(Tokenizer::from_json(*tokenizer, "tokenizer.json"));
    classes = std::to_string(*std::ranges::max_element(map) + 1);
  }
  std::string& rows = *config.find("engram_num_embeddings");
  if (!rows.empty()) return;
  EngramConfig engram;
  engram.layer_ids = numbers_of(config, "engram_layer_ids");
  engram.vocab_size = number_of(config, "engram_vocab_size", int64_t{1} << 31);
  engram.max_ngram_size = number_of(config, "engram_max_ngram_size", kMostNgram);
  engram.n_heads = number_of(config, "engram_n_heads", 1024);
  std::vector<uint64_t> sums;
  for (size_t i = 0; i < engram.layer_ids.size(); ++i) {
    const std::vector<uint64_t> primes = engram_primes(engram, i);
    sums.push_back(std::accumulate(primes.begin(), primes.end(), uint64_t{0}));
  }
  rows = fmt::format("[{}]", fmt::join(sums, ", "));
}

// A DSpark drafter like the published ones, where a block size is set: the last layers tapped.
void fill_in_dspark(Config& config, int64_t layers) {
  const auto fill = [&](std::string_view key, std::string json) {
    std::string* const value = config.find(key);
    if (value != nullptr && value->empty()) *value = std::move(json);
  };
  fill("dspark_noise_token_id", "1");
  fill("dspark_target_layer_ids", fmt::format("[{}]", fmt::join(last_layers(layers), ", ")));
  fill("dspark_markov_rank", "32");
  config.set("num_nextn_predict_layers", std::to_string(kDsparkStages));
}

// The keys whose values follow from others, where nobody set them.
void fill_in(Config& config) {
  const int64_t layers = number_of(config, "num_hidden_layers", 1024);
  std::string* const block = config.find("dspark_block_size");
  const bool dspark = block != nullptr && !block->empty();
  if (dspark) fill_in_dspark(config, layers);
  std::string* const ratios = config.find("compress_ratios");
  if (ratios != nullptr && ratios->empty()) *ratios = flash_ratios(layers, dspark ? kDsparkStages : 1);
  std::string* const hashed = config.find("num_hash_layers");
  if (hashed != nullptr && hashed->empty()) *hashed = std::to_string(std::min<int64_t>(layers, 3));
  std::string* const keys = config.find("num_key_value_heads");
  if (keys != nullptr && keys->empty()) *keys = *config.find("num_attention_heads");
  if (config.find("engram_layer_ids") != nullptr) fill_in_engram(config);
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
  Config config(preset->base);
  for (const auto& [key, size] : preset->sizes) config.set(key, std::to_string(size));
  for (const auto& [key, json] : preset->lists) config.set(key, std::string(json));
  for (const std::string& set : sets) apply_set(config, set);
  fill_in(config);
  if (format == RandomFormat::kFp8Fp4) {
    const bool v41 = config.find("engram_layer_ids") != nullptr;
    if (config.find("kv_lora_rank") == nullptr) config.add("expert_dtype", R"("fp4")");
    config.add(
        "quantization_config",
        fmt::format(
            R"({{"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", )"
            R"("weight_block_size": [{0}, {0}]}})",
            v41 ? 32 : 128));
  }
  return config.text();
}

}  // namespace hadal
