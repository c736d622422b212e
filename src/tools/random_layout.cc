#include "tools/random_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "model/layout.h"

namespace hadal {
namespace {

class Layout {
 public:
  Layout(const ModelConfig& config, RandomFormat format)
      : config_(config), quantised_(format == RandomFormat::kFp8Fp4) {}

  std::vector<RandomTensor> build() {
    switch (config_.family.attention) {
      case AttentionKind::kMla:
        mla_model();
        break;
      case AttentionKind::kCompressed:
        compressed_model();
        break;
      case AttentionKind::kShared:
        shared_model();
        break;
    }
    // Wide elements first: then all of them are aligned in the file.
    std::stable_sort(tensors_.begin(), tensors_.end(), [](const RandomTensor& a, const RandomTensor& b) {
      return dtype_bytes(a.dtype) > dtype_bytes(b.dtype);
    });
    return std::move(tensors_);
  }

 private:
  void compressed_model() {
    const int64_t d = config_.hidden_size;
    plain("embed.weight", {config_.vocab_size, d}, 1.0f);
    for (int64_t l = 0; l < config_.num_hidden_layers; ++l)
      block("layers." + std::to_string(l) + ".", config_.compress_ratios[static_cast<size_t>(l)],
            l < config_.num_hash_layers);
    norm("norm.weight", d);
    hc_head("");
    plain("head.weight", {config_.vocab_size, d}, 3.0f * per_input(d));
    if (config_.dspark_block_size > 0) return dspark();
    for (int64_t n = 0; n < config_.num_nextn_predict_layers; ++n) mtp("mtp." + std::to_string(n) + ".");
  }

  void shared_model() {
    const int64_t d = config_.hidden_size;
    plain("embed.weight", {config_.vocab_size, d}, 1.0f);
    for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
      const std::string prefix = fmt::format("layers.{}.", l);
      block_around(prefix, [&] { shared_attention(prefix + "attn.", l); });
      f32(prefix + "ffn.gate.bias_vl", {config_.n_routed_experts}, 0.0f, 0.1f);
    }
    if (config_.dspark_block_size > 0) dspark();
    for (size_t i = 0; i < config_.engram.layer_ids.size(); ++i) engram(i);
    norm("norm.weight", d);
    plain("head.weight", {config_.vocab_size, d}, 3.0f * per_input(d));
  }

  void mla_model() {
    const int64_t d = config_.hidden_size;
    plain("model.embed_tokens.weight", {config_.vocab_size, d}, 1.0f);
    for (int64_t l = 0; l < config_.num_hidden_layers; ++l)
      mla_block(fmt::format("model.layers.{}.", l), config_.is_dense(l));
    norm("model.norm.weight", d);
    plain("lm_head.weight", {config_.vocab_size, d}, 3.0f * per_input(d));
    if (config_.num_nextn_predict_layers == 0) return;
    const std::string mtp = fmt::format("model.layers.{}.", config_.num_hidden_layers);
    norm(mtp + "enorm.weight", d);
    norm(mtp + "hnorm.weight", d);
    fp8(mtp + "eh_proj", d, 2 * d);
    mla_block(mtp, false);
    norm(mtp + "shared_head.norm.weight", d);
  }

  static float per_input(int64_t inputs) { return 1.0f / std::sqrt(static_cast<float>(inputs)); }

  void add(std::string name, DType dtype, std::vector<int64_t> shape, RandomFill fill, float mean,
           float spread) {
    tensors_.push_back({std::move(name), dtype, std::move(shape), fill, mean, spread});
    if (config_.family.attention == AttentionKind::kShared)
      tensors_.back().tile = tensors_.back().tile_rows = 32;
    if (config_.family.attention == AttentionKind::kMla) tensors_.back().scale_suffix = "weight_scale_inv";
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
  // Rows of a table have scales of their own.
  void table(const std::string& name, std::vector<int64_t> shape) {
    if (!quantised_) return plain(name, std::move(shape), 1.0f);
    add(name, DType::kF8E4M3, std::move(shape), RandomFill::kMatrix, 0.0f, 1.0f);
    tensors_.back().tile_rows = 1;
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
    block_around(prefix, [&] { attention(prefix + "attn.", ratio); }, hash_routed);
  }
  template <typename Attention>
  void block_around(const std::string& prefix, Attention attention, bool hash_routed = false) {
    hc_site(prefix + "hc_attn");
    norm(prefix + "attn_norm.weight", config_.hidden_size);
    attention();
    hc_site(prefix + "hc_ffn");
    norm(prefix + "ffn_norm.weight", config_.hidden_size);
    experts(prefix + "ffn.", config_.n_routed_experts, hash_routed);
  }

  void window_attention(const std::string& prefix) {
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
  }

  void shared_attention(const std::string& prefix, int64_t layer) {
    const int64_t d = config_.hidden_size;
    const int64_t index = config_.index_head_dim;
    const auto is_in = [layer](const std::vector<int64_t>& ids) {
      return std::ranges::count(ids, layer) > 0;
    };
    window_attention(prefix);
    if (is_in(config_.kv_source_layer_ids)) {
      plain(prefix + "compressor.wkv.weight", {config_.head_dim, d}, 1.2f * per_input(d));
      if (config_.compress_ratios[static_cast<size_t>(layer)] > 1)
        plain(prefix + "compressor.wgate.weight", {config_.head_dim, d}, 1.6f * per_input(d));
      norm(prefix + "compressor.norm.weight", config_.head_dim);
      plain(prefix + "indexer.wk.weight", {index, config_.head_dim}, 1.6f * per_input(config_.head_dim));
      norm(prefix + "indexer.k_norm.weight", index);
    }
    if (!is_in(config_.index_source_layer_ids)) return;
    fp8(prefix + "indexer.wq_b", config_.index_n_heads * index, config_.q_lora_rank, 1.6f);
    plain(prefix + "indexer.weights_proj.weight", {config_.index_n_heads, d}, 1.6f * per_input(d));
  }

  void engram(size_t index) {
    const EngramConfig& e = config_.engram;
    const std::string prefix = fmt::format("layers.{}.engram.", e.layer_ids[index]);
    const int64_t d = config_.hidden_size;
    const int64_t m = config_.hc_mult;
    table(prefix + "embed.weight", {e.num_embeddings[index], e.head_dim});
    fp8(prefix + "wkv", (m + 1) * d, e.rows_per_token() * e.head_dim);
    add(prefix + "q_weight", DType::kBF16, {m, d}, RandomFill::kValues, 1.0f, 0.2f);
    add(prefix + "k_weight", DType::kBF16, {m, d}, RandomFill::kValues, 1.0f, 0.2f);
  }

  void mla_block(const std::string& prefix, bool dense) {
    const int64_t d = config_.hidden_size;
    norm(prefix + "input_layernorm.weight", d);
    mla(prefix + "self_attn.");
    norm(prefix + "post_attention_layernorm.weight", d);
    if (dense) return mlp(prefix + "mlp.", config_.intermediate_size);
    const int64_t count = config_.n_routed_experts;
    plain(prefix + "mlp.gate.weight", {count, d}, 2.0f * per_input(d));
    f32(prefix + "mlp.gate.e_score_correction_bias", {count}, 0.0f, 0.1f);
    for (int64_t e = 0; e < count; ++e)
      mlp(fmt::format("{}mlp.experts.{}.", prefix, e), config_.moe_intermediate_size);
    mlp(prefix + "mlp.shared_experts.", config_.n_shared_experts * config_.moe_intermediate_size);
  }

  void mla(const std::string& prefix) {
    const int64_t d = config_.hidden_size;
    const int64_t heads = config_.num_attention_heads;
    const int64_t queries = heads * config_.query_head_dim();
    if (config_.q_lora_rank == 0) {
      fp8(prefix + "q_proj", queries, d, 1.6f);
    } else {
      fp8(prefix + "q_a_proj", config_.q_lora_rank, d);
      norm(prefix + "q_a_layernorm.weight", config_.q_lora_rank);
      fp8(prefix + "q_b_proj", queries, config_.q_lora_rank, 1.6f);
    }
    fp8(prefix + "kv_a_proj_with_mqa", config_.head_dim, d);
    norm(prefix + "kv_a_layernorm.weight", config_.kv_lora_rank);
    fp8(prefix + "kv_b_proj", heads * (config_.qk_nope_head_dim + config_.v_head_dim), config_.kv_lora_rank);
    fp8(prefix + "o_proj", d, heads * config_.v_head_dim);
    if (!config_.has_indexer()) return;
    const int64_t index = config_.index_head_dim;
    fp8(prefix + "indexer.wq_b", config_.index_n_heads * index, config_.q_lora_rank, 1.6f);
    fp8(prefix + "indexer.wk", index, d);
    f32(prefix + "indexer.k_norm.weight", {index}, 1.0f, 0.2f);
    f32(prefix + "indexer.k_norm.bias", {index}, 0.0f, 0.2f);
    plain(prefix + "indexer.weights_proj.weight", {config_.index_n_heads, d}, 1.6f * per_input(d));
  }

  void mlp(const std::string& prefix, int64_t inner) {
    const int64_t d = config_.hidden_size;
    fp8(prefix + "gate_proj", inner, d);
    fp8(prefix + "up_proj", inner, d);
    fp8(prefix + "down_proj", d, inner);
  }

  void attention(const std::string& prefix, int64_t ratio) {
    const int64_t d = config_.hidden_size;
    window_attention(prefix);
    if (ratio != 0) compressor(prefix + "compressor.", ratio, config_.head_dim);
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

  void experts(const std::string& prefix, int64_t count, bool hash_routed) {
    const int64_t d = config_.hidden_size;
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

  void dspark() {
    const int64_t d = config_.hidden_size;
    const int64_t rank = config_.dspark_markov_rank;
    const int64_t stages = config_.num_nextn_predict_layers;
    const bool v41 = config_.family.attention == AttentionKind::kShared;
    fp8("mtp.0.main_proj", d, std::ssize(config_.dspark_target_layer_ids) * d);
    norm("mtp.0.main_norm.weight", d);
    for (int64_t s = 0; s < stages; ++s) {
      const std::string prefix = fmt::format("mtp.{}.", s);
      hc_site(prefix + "hc_attn");
      norm(prefix + "attn_norm.weight", d);
      window_attention(prefix + "attn.");
      hc_site(prefix + "hc_ffn");
      norm(prefix + "ffn_norm.weight", d);
      experts(prefix + "ffn.", dspark_experts(config_), false);
      if (v41) f32(prefix + "ffn.gate.bias_vl", {dspark_experts(config_)}, 0.0f, 0.1f);
    }
    const std::string last = fmt::format("mtp.{}.", stages - 1);
    norm(last + "norm.weight", d);
    if (!v41) hc_head(last);
    plain(last + "markov_head." + (v41 ? "embed.weight" : "markov_w1.weight"), {config_.vocab_size, rank},
          1.0f);
    plain(last + "markov_head." + (v41 ? "head.weight" : "markov_w2.weight"), {config_.vocab_size, rank},
          per_input(rank));
    plain(last + "confidence_head.proj.weight", {1, d + rank}, per_input(d + rank));
  }

  const ModelConfig& config_;
  const bool quantised_;
  std::vector<RandomTensor> tensors_;
};

}  // namespace

std::vector<RandomTensor> random_layout(const ModelConfig& config, RandomFormat format) {
  if (format == RandomFormat::kFp8Fp4 && config.family.attention != AttentionKind::kMla) {
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
  const bool dspark = config.dspark_block_size > 0;
  const int64_t least = dspark ? 1 : 0;
  const int64_t most = dspark ? 8 : 1;
  if (config.num_nextn_predict_layers < least || config.num_nextn_predict_layers > most)
    fail(ErrorCode::kUsage, "num_nextn_predict_layers is {}; a random checkpoint has {}",
         config.num_nextn_predict_layers,
         dspark ? fmt::format("{} to {} stages of DSpark", least, most) : "one MTP block or none");
  return Layout(config, format).build();
}

}  // namespace hadal
