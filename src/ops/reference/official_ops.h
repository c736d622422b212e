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

 protected:
  void round_activations(Mat x) const override;
};

}  // namespace hadal
