#include "tools/random_layout.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

class Layout {
 public:
  Layout(const ModelConfig& config, RandomFormat format)
      : config_(config), quantised_(format == RandomFormat::kFp8Fp4) {}

  std::vector<RandomTensor> build() {
    const int64_t d = config_.hidden_size;
    plain("embed.weight", {config_.vocab_size, d}, 1.0f);
    for (int64_t l = 0; l < config_.num_hidden_layers; ++l)
      block("layers." + std::to_string(l) + ".", config_.compress_ratios[static_cast<size_t>(l)],
            l < config_.num_hash_layers);
    norm("norm.weight", d);
    hc_head("");
    plain("head.weight", {config_.vocab_size, d}, 3.0f * per_input(d));
    for (int64_t n = 0; n < config_.num_nextn_predict_layers; ++n) mtp("mtp." + std::to_string(n) + ".");
    // Wide elements first: then all of them are aligned in the file.
    std::stable_sort(tensors_.begin(), tensors_.end(), [](const RandomTensor& a, const RandomTensor& b) {
      return dtype_bytes(a.dtype) > dtype_bytes(b.dtype);
    });
    return std::move(tensors_);
  }

 private:
  static float per_input(int64_t inputs) { return 1.0f / std::sqrt(static_cast<float>(inputs)); }

  void add(std::string name, DType dtype, std::vector<int64_t> shape, RandomFill fill, float mean,
           float spread) {
    tensors_.push_back({std::move(name), dtype, std::move(shape), fill, mean, spread, 0});
  }
  void f32(std::string name, std::vector<int64_t> shape, float mean, float spread) {
    add(std::move(name), DType::kF32, std::move(shape), RandomFill::kValues, mean, spread);
  }
  void norm(std::string name, int64_t size) {
    add(std::move(name), DType::kBF16, {size}, RandomFill::kValues, 1.0f, 0.2f);
  }
  // A matrix that stays BF16 in every format.
  void plain(std::string name, std::vector<int64_t> shape, float spread) {
    add(std::move(name), DType::kBF16, std::move(shape), RandomFill::kValues, 0.0f, spread);
  }
  void matrix(const std::string& name, int64_t out, int64_t in, float gain, DType dtype_if_quantised) {
    add(name + ".weight", quantised_ ? dtype_if_quantised : DType::kBF16, {out, in}, RandomFill::kMatrix,
        0.0f, gain * per_input(in));
  }
  void fp8(const std::string& name, int64_t out, int64_t in, float gain = 1.2f) {
    matrix(name, out, in, gain, DType::kF8E4M3);
  }

  void hc(const std::string& site, int64_t rows, int64_t scales) {
    const int64_t width = config_.hc_mult * config_.hidden_size;
    f32(site + "_fn", {rows, width}, 0.0f, per_input(width));
    f32(site + "_base", {rows}, 0.0f, 0.7f);
    f32(site + "_scale", {scales}, 0.8f, 0.1f);
  }
  void hc_head(const std::string& prefix) { hc(prefix + "hc_head", config_.hc_mult, 1); }
  void hc_site(const std::string& site) { hc(site, (2 + config_.hc_mult) * config_.hc_mult, 3); }

  void block(const std::string& prefix, int64_t ratio, bool hash_routed) {
    hc_site(prefix + "hc_attn");
    norm(prefix + "attn_norm.weight", config_.hidden_size);
    attention(prefix + "attn.", ratio);
    hc_site(prefix + "hc_ffn");
    norm(prefix + "ffn_norm.weight", config_.hidden_size);
    experts(prefix + "ffn.", hash_routed);
  }

  void attention(const std::string& prefix, int64_t ratio) {
    const int64_t d = config_.hidden_size;
    const int64_t c = config_.head_dim;
    const int64_t heads = config_.num_attention_heads;
    const int64_t low = config_.o_groups * config_.o_lora_rank;
    f32(prefix + "attn_sink", {heads}, 0.0f, 1.0f);
    fp8(prefix + "wq_a", config_.q_lora_rank, d);
    norm(prefix + "q_norm.weight", config_.q_lora_rank);
    fp8(prefix + "wq_b", heads * c, config_.q_lora_rank, 1.6f);
    fp8(prefix + "wkv", c, d);
    norm(prefix + "kv_norm.weight", c);
    fp8(prefix + "wo_a", low, heads * c / config_.o_groups);
    fp8(prefix + "wo_b", d, low);
    if (ratio != 0) compressor(prefix + "compressor.", ratio, c);
    if (ratio == 4) {
      const int64_t index = config_.index_head_dim;
      fp8(prefix + "indexer.wq_b", config_.index_n_heads * index, config_.q_lora_rank, 1.6f);
      plain(prefix + "indexer.weights_proj.weight", {config_.index_n_heads, d}, 1.6f * per_input(d));
      compressor(prefix + "indexer.compressor.", ratio, index);
    }
  }

  void compressor(const std::string& prefix, int64_t ratio, int64_t dim) {
    const int64_t width = (ratio == 4 ? 2 : 1) * dim;
    const int64_t d = config_.hidden_size;
    f32(prefix + "ape", {ratio, width}, 0.0f, 0.5f);
    plain(prefix + "wkv.weight", {width, d}, 1.2f * per_input(d));
    plain(prefix + "wgate.weight", {width, d}, 1.6f * per_input(d));
    norm(prefix + "norm.weight", dim);
  }

  void experts(const std::string& prefix, bool hash_routed) {
    const int64_t d = config_.hidden_size;
    const int64_t count = config_.n_routed_experts;
    plain(prefix + "gate.weight", {count, d}, 2.0f * per_input(d));
    if (hash_routed) {
      add(prefix + "gate.tid2eid", DType::kI64, {config_.vocab_size, config_.num_experts_per_tok},
          RandomFill::kHashIds, 0.0f, 0.0f);
      tensors_.back().experts = count;
    } else {
      f32(prefix + "gate.bias", {count}, 0.0f, 0.1f);
    }
    for (int64_t e = 0; e < count; ++e) ffn(prefix + "experts." + std::to_string(e) + ".", DType::kI8);
    ffn(prefix + "shared_experts.", DType::kF8E4M3);
  }

  void ffn(const std::string& prefix, DType dtype) {
    const int64_t d = config_.hidden_size;
    const int64_t inner = config_.moe_intermediate_size;
    matrix(prefix + "w1", inner, d, 1.2f, dtype);
    matrix(prefix + "w2", d, inner, 1.2f, dtype);
    matrix(prefix + "w3", inner, d, 1.2f, dtype);
  }

  void mtp(const std::string& prefix) {
    const int64_t d = config_.hidden_size;
    norm(prefix + "enorm.weight", d);
    norm(prefix + "hnorm.weight", d);
    fp8(prefix + "e_proj", d, d);
    fp8(prefix + "h_proj", d, d);
    block(prefix, 0, false);
    norm(prefix + "norm.weight", d);
    hc_head(prefix);
  }

  const ModelConfig& config_;
  const bool quantised_;
  std::vector<RandomTensor> tensors_;
};

}  // namespace

std::vector<RandomTensor> random_layout(const ModelConfig& config, RandomFormat format) {
  if (format == RandomFormat::kFp8Fp4) {
    const std::pair<std::string_view, int64_t> inputs[] = {
        {"hidden_size", config.hidden_size}, {"moe_intermediate_size", config.moe_intermediate_size}};
    for (const auto& [key, size] : inputs) {
      if (size % 32 != 0)
        fail(ErrorCode::kUsage,
             "{} is {}: FP4 experts have a scale for every 32 inputs, so fp8fp4 needs a multiple of 32; "
             "choose {} or "
             "--format bf16",
             key, size, (size + 31) / 32 * 32);
    }
  }
  constexpr int64_t kMaxMtpBlocks = 1;
  if (config.num_nextn_predict_layers < 0 || config.num_nextn_predict_layers > kMaxMtpBlocks)
    fail(ErrorCode::kUsage, "num_nextn_predict_layers is {}; a random checkpoint has one MTP block or none",
         config.num_nextn_predict_layers);
  return Layout(config, format).build();
}

}  // namespace hadal
