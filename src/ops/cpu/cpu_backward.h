// CpuBackward: the bits of ReferenceBackward, fast: kernels of one instruction set over a thread pool of its
// own, cut into static parts. What it does not override is not worth it and runs the reference loop.
#pragma once

#include <vector>

#include "base/thread_pool.h"
#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/backward_kernels.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

class CpuBackward : public ReferenceBackward {
 public:
  CpuBackward(const DeviceOptions& options, Ops& forward);

  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                      float* d_w) override;
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, ConstMat d_out, Mat d_x,
                float* d_w) override;
  void head_rms_norm(ConstMat x, int64_t head_dim, float eps, ConstMat d_out, Mat d_x) override;
  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u, ConstMat d_post,
              ConstMat d_comb, Mat d_streams, const HcGradients& d_params) override;
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u, Mat d_streams,
               const HcGradients& d_params) override;
  void hc_post(ConstMat streams, ConstMat y, ConstMat post, ConstMat comb, Mat d_streams, Mat d_y, Mat d_post,
               Mat d_comb) override;
  void compressor_pool(std::span<const PoolSlots> blocks, ConstMat d_out,
                       std::span<const PoolGradients> d_blocks) override;
  void sparse_attention(ConstMat q, ConstMat key_values, const KeyLists& keys, const std::byte* sink,
                        float scale, ConstMat out, ConstMat d_out, Mat d_q, Mat d_keys, float* d_sink,
                        float* mass) override;
  double index_kl(ConstMat q, ConstMat w, float score_scale, ConstMat key_values, const KeyLists& keys,
                  const float* target, float weight, Mat d_q, Mat d_w, Mat d_keys) override;
  void cross_entropy(ConstMat logits, std::span<const int32_t> targets, std::span<const float> weights,
                     std::span<float> losses, Mat d_logits) override;
  void newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) override;

 protected:
  void swiglu(Mat gate, Mat up, const float* weights, float limit, ConstMat d_hidden, Mat hidden,
              float* d_weights) override;

 private:
  // What one tile of tokens keeps between the two halves of attention.
  struct AttentionTile {
    std::vector<Buffer> keys_of_worker;  // decoded keys
    std::vector<Buffer> q_of_worker;     // gradients by q, before they are added
    std::vector<std::vector<const std::byte*>> rows_of_worker;
    Buffer p, e;            // [tokens, heads, stride]
    Buffer sinks, inwards;  // [tokens, heads]: minus the sink's share, G . o
    std::vector<float> ones;
  };

  // What an mHC site works in, for each token and row of fn.
  struct SiteValues {
    Mat products, logits, d_logits, d_arguments;
    int64_t streams_cols;
  };
  SiteValues site_values(ConstMat streams, const Weight& fn);
  float site_scale(const float* z, int64_t n, const HcConfig& config) const;
  void undo_site_scale(const float* z, float rho, const SiteValues& site, int64_t t, float* d_z) const;

  // One product, cut along the larger side of c.
  void gemm(GemmJob job);
  // fn(i) for each i < count, a part of them by each worker.
  template <typename Fn>
  void share(int64_t count, Fn fn) {
    pool_.run([&](int worker) {
      const Range part = part_of(count, worker, pool_.threads());
      for (int64_t i = part.first; i < part.last; ++i) fn(i);
    });
  }
  void token_attention(ConstMat q, ConstMat key_values, const KeyLists& keys, const std::byte* sink,
                       float scale, ConstMat out, ConstMat d_out, Mat d_q, float* mass, int64_t t, int64_t at,
                       int64_t stride, int worker);

  const BackwardKernels& kernels_;
  const AttentionKernels& attention_;
  ThreadPool pool_;
  std::vector<Buffer> gemm_scratch_, muon_scratch_;
  Buffer site_scratch_;
  AttentionTile tile_;
};

}  // namespace hadal
