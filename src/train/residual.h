// Residual: what stands in the place of mHC's gates while a run is an experiment. Only the section
// [ablation] of a training run names an arm; no checkpoint in the official layout has one.
//
// Streams, products and parameters are those of mHC (ops/ops.h): with a = scale * g + base,
//   mHC            pre = sigmoid(a) + eps, post = 2 sigmoid(a), comb = Sinkhorn(a)
//   unconstrained  pre = a, post = a, comb = a: hyper-connections without a manifold
//   plain          pre = 1/4, post = 1, comb = the identity: four equal streams, which are x + f(x)
// The head's gates go the same way.
#pragma once

#include "ops/backward.h"
#include "ops/ops.h"

namespace hadal {

enum class Residual { kMhc, kUnconstrained, kPlain };

// The gates' bases at the start: pre = 1/4, post = 1, comb (near) the identity. `size` is 24, or 4 for the
// head.
float first_hc_base(Residual arm, int64_t i, int64_t size);

// One of the two arms that are not mHC: hc_pre (gates [t,24]: pre, post, comb) or hc_head (gates [t,4]).
class ResidualArm {
 public:
  ResidualArm(Residual arm, Ops& forward, BackwardOps& backward)
      : arm_(arm), forward_(forward), backward_(backward) {}

  void mix(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat gates);
  // d_gates holds the gradients of post and comb; it is written over. d_params is not used by the plain arm.
  void mix_backward(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                    Mat d_gates, Mat d_streams, const HcGradients& d_params);

 private:
  // products [t, rows of fn] -> gates; the products' scale of each row of streams is the result of scale().
  float scale(ConstMat streams, int64_t t, const HcConfig& config) const;
  void gates_of(const float* products, float rho, const HcParams& params, int64_t size, float* gates) const;

  Residual arm_;
  Ops& forward_;
  BackwardOps& backward_;
};

}  // namespace hadal
