// The scalar heart of mHC (spec 3.1): from a site's 24 mixing logits to its gates. One text for the
// reference, the official and the fast versions, which differ only in how the logits and the streams are
// summed.
#pragma once

#include <cstdint>

#include "ops/ops.h"

namespace hadal {

inline constexpr int64_t kHcMult = 4;
inline constexpr int64_t kHcSiteRows = (2 + kHcMult) * kHcMult;

// c [4,4], row j at c + 4j: softmax of each row plus eps, then columns, rows, columns ... `iterations` column
// passes in all, each division by (ascending sum + eps).
void sinkhorn(float* c, int64_t iterations, float eps);

// g [24] -> pre [4], post [4], comb [16] as j*4+k.
void hc_gates(const float* g, const HcParams& params, const HcConfig& config, float* pre, float* post,
              float* comb);

// g [4] of the head site -> pre [4]: hc_head_sigmoid + eps.
float hc_head_sigmoid(const float* g, const HcParams& params, int64_t j);
void hc_head_gates(const float* g, const HcParams& params, const HcConfig& config, float* pre);

}  // namespace hadal
