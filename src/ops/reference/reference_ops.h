// ReferenceOps: plain loops, one thread: the definition of every op's bits (ops/ops.h) in fp32, stored and
// native. One file per family of ops beside this one.
#pragma once

#include "ops/ops.h"

namespace hadal {

class ReferenceOps : public Ops {
 public:
  explicit ReferenceOps(Numerics numerics) : numerics_(numerics) {}
  Numerics numerics() const override { return numerics_; }

  void embed(const Weight& table, std::span<const int32_t> ids, Mat out) override;
  void hc_expand(ConstMat x, int64_t mult, Mat streams) override;
  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
              Mat comb) override;
  void hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) override;
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) override;
  void hc_collapse(ConstMat streams, ConstMat pre, Mat u) override;
  void hc_coefficients(ConstMat streams, const HcParams& params, const HcConfig& config, Mat pre, Mat post,
                       Mat comb) override;
  void engram_gate(Mat streams, ConstMat kv, const NormWeight& q_weight, const NormWeight& k_weight,
                   float eps, Mat gate) override;
  void mla_absorb(ConstMat q, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void mla_values(ConstMat o, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void layer_norm(ConstMat x, const NormWeight& weight, const NormWeight& bias, float eps, Mat out) override;
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) override;
  void head_rms_norm(Mat q, int64_t head_dim, float eps) override;
  void linear(ConstMat x, const Weight& w, Mat out) override;
  void linear_fp32(ConstMat x, const Weight& w, Mat out) override;
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override;
  void add(Mat x, ConstMat y) override;
  void rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
            bool inverse) override;
  void hadamard(Mat x) override;
  void store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) override;
  void store_index_keys(ConstMat k, int64_t first, const IndexKeyForm& form, std::byte* keys) override;
  void add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) override;
  void compressor_pool(std::span<const PoolSlots> blocks, Mat out) override;
  void index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                  std::span<const int64_t> visible, const IndexChoice& choice) override;
  void sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                        const std::byte* sink, float scale, Mat out) override;
  void moe_route(ConstMat logits, const RouteParams& params, std::span<const int32_t> token_ids, int32_t* ids,
                 float* weights) override;
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
           Mat out) override;

 protected:
  // A rounding point of the official kernels inside an op: to bf16 there, nothing here.
  virtual void round_activations(Mat) const {}

 private:
  const Numerics numerics_;
};

}  // namespace hadal
