// The scalar heart of mHC's gradient, for one token; shared by the reference and the fast version.
#pragma once

#include "ops/backward.h"
#include "ops/reference/hyper_connection.h"

namespace hadal {

// raw [4,4] is what sinkhorn() was given; d [4,4]: the gradient by its result -> by raw.
void sinkhorn_backward(const float* raw, int64_t iterations, float eps, float* d);

// g [24]; d_g [24] is set; d_params.base and .scale are added to.
void hc_gates_backward(const float* g, const HcParams& params, const HcConfig& config, const float* d_pre,
                       const float* d_post, const float* d_comb, float* d_g, const HcGradients& d_params);
// g [4] of the head site.
void hc_head_gates_backward(const float* g, const HcParams& params, const float* d_pre, float* d_g,
                            const HcGradients& d_params);

}  // namespace hadal
