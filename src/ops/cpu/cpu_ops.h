// CpuOps: the bits of ReferenceOps, fast: every op it overrides is cut into static parts for a thread pool
// and runs kernels of one instruction set (chosen once, ops/device.cc). An op without an override here is not
// worth one and runs the reference loop.
#pragma once

#include "base/thread_pool.h"
#include "ops/cpu/attention_scratch.h"
#include "ops/cpu/index_scratch.h"
#include "ops/cpu/linear_scratch.h"
#include "ops/cpu/stream_kernels.h"
#include "ops/device.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

class CpuOps : public ReferenceOps {
 public:
  explicit CpuOps(const DeviceOptions& options);

  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
              Mat comb) override;
  void hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) override;
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) override;
  void hc_collapse(ConstMat streams, ConstMat pre, Mat u) override;
  void hc_coefficients(ConstMat streams, const HcParams& params, const HcConfig& config, Mat pre, Mat post,
                       Mat comb) override;
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) override;
  void head_rms_norm(Mat q, int64_t head_dim, float eps) override;
  void linear(ConstMat x, const Weight& w, Mat out) override;
  void linear_fp32(ConstMat x, const Weight& w, Mat out) override;
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override;
  void mla_absorb(ConstMat q, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void mla_values(ConstMat o, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
           Mat out) override;
  void rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
            bool inverse) override;
  void hadamard(Mat x) override;
  void store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) override;
  void compressor_pool(std::span<const PoolSlots> blocks, Mat out) override;
  void index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                  std::span<const int64_t> visible, const IndexChoice& choice) override;
  void sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                        const std::byte* sink, float scale, Mat out) override;

 private:
  class MoeCall;

  // Whether products with w take their inputs in int8.
  bool takes_int8(const Weight& w) const;
  void reserve_worker_scratch(int64_t in);
  // x in int8, in linear_scratch_.q_rows.
  void quantise_rows(ConstMat x);
  void products(ConstMat x, const Weight& w, int64_t groups, Mat out);
  // linear_scratch_.x and .out: the rows of x and out.
  void point_at_rows(ConstMat x, Mat out);

  // fn(i) for every i < count, each worth `floats` values of work; a little work stays on this thread.
  template <typename Fn>
  void share(int64_t count, int64_t floats, Fn fn);
  template <typename Finish>
  void mix_logits(ConstMat streams, const HcParams& params, const HcConfig& config, Finish finish);
  IndexJob index_job(const float* q, const float* w, int64_t heads, float score_scale, const IndexKeys& keys,
                     int64_t visible, IndexScratch& scratch);
  // From the scores in job.order.
  void pick_scored(const IndexJob& job, const IndexChoice& choice, int64_t t, IndexScratch& scratch);
  void attend_alone(const AttentionJob& all, int worker);
  void attend_together(const AttentionJob& job);

  const LinearKernels& linear_;
  LinearScratch linear_scratch_;
  MoeScratch moe_scratch_;
  const StreamKernels& streams_;
  Buffer hc_logits_;
  const IndexKernels& index_;
  std::vector<IndexScratch> index_scratch_;  // of each worker
  const AttentionKernels& attention_;
  AttentionScratch attention_scratch_;
  ThreadPool pool_;
};

}  // namespace hadal
