// ReferenceBackward: the gradients as plain loops, one thread: the definition of their bits (ops/backward.h).
#pragma once

#include "ops/backward.h"

namespace hadal {

class ReferenceBackward : public BackwardOps {
 public:
  explicit ReferenceBackward(Ops& forward) : forward_(forward) {}

  void linear(ConstMat x, const Weight& w, ConstMat d_out, Mat d_x, float* d_w) override;
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                      float* d_w) override;
  void embed(std::span<const int32_t> ids, ConstMat d_out, Mat d_table) override;
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, ConstMat d_out, Mat d_x,
                float* d_w) override;
  void head_rms_norm(ConstMat x, int64_t head_dim, float eps, ConstMat d_out, Mat d_x) override;
  void hc_expand(ConstMat d_streams, int64_t mult, Mat d_x) override;
  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u, ConstMat d_post,
              ConstMat d_comb, Mat d_streams, const HcGradients& d_params) override;
  void hc_post(ConstMat streams, ConstMat y, ConstMat post, ConstMat comb, Mat d_streams, Mat d_y, Mat d_post,
               Mat d_comb) override;
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u, Mat d_streams,
               const HcGradients& d_params) override;
  void add_ape(ConstMat d_score, int64_t ratio, int64_t first_position, float* d_ape) override;
  void compressor_pool(std::span<const PoolSlots> blocks, ConstMat d_out,
                       std::span<const PoolGradients> d_blocks) override;
  void sparse_attention(ConstMat q, ConstMat key_values, const KeyLists& keys, const std::byte* sink,
                        float scale, ConstMat out, ConstMat d_out, Mat d_q, Mat d_keys, float* d_sink,
                        float* mass) override;
  double index_kl(ConstMat q, ConstMat w, float score_scale, ConstMat key_values, const KeyLists& keys,
                  const float* target, float weight, Mat d_q, Mat d_w, Mat d_keys) override;
  void moe_route(ConstMat logits, const Ops::RouteParams& params, const int32_t* ids, ConstMat d_weights,
                 std::span<const float* const> d_share, Mat d_logits) override;
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit, ConstMat d_out,
           Mat d_x, Mat d_weights, std::span<const ExpertGradients> d_experts,
           const ExpertGradients& d_shared) override;
  void cross_entropy(ConstMat logits, std::span<const int32_t> targets, std::span<const float> weights,
                     std::span<float> losses, Mat d_logits) override;
  void newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) override;

 protected:
  Ops& forward() { return forward_; }

  // What moe() does between its products, for one expert's visitors. gate and up are the products with w1 and
  // w3: gate, up <- the gradients by them; hidden <- what w2 read; d_hidden is the gradient by it.
  virtual void swiglu(Mat gate, Mat up, const float* weights, float limit, ConstMat d_hidden, Mat hidden,
                      float* d_weights);

 private:
  // From the gates' gradients on: what hc_pre and hc_head share. d_logits is the gradient by g [t, rows of
  // fn], products is fn . z.
  void mixing_logits(ConstMat streams, const Weight& fn, float norm_eps, ConstMat products, Mat d_logits,
                     Mat d_streams, float* d_fn);
  Ops& forward_;
  Buffer moe_scratch_;
};

}  // namespace hadal
