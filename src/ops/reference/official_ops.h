// OfficialOps: DeepSeek's own rounding points, slow, for audits: bf16 tensors between ops, FP8 block
// products, fp32 inside (spec sections 2 and 3). Overrides the ops whose result is rounded or whose
// arithmetic differs; the rest is ReferenceOps.
#pragma once

#include "ops/reference/reference_ops.h"

namespace hadal {

class OfficialOps final : public ReferenceOps {
 public:
  OfficialOps() : ReferenceOps(Numerics::kOfficial) {}

  void linear(ConstMat x, const Weight& w, Mat out) override;
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override;
  void add(Mat x, ConstMat y) override;

  // Every step in bf16.
  void head_rms_norm(Mat q, int64_t head_dim, float eps) override;
  void index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                  std::span<const int64_t> visible, const IndexChoice& choice) override;
  void sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                        const std::byte* sink, float scale, Mat out) override;

 protected:
  void round_activations(Mat x) const override;
};

}  // namespace hadal
