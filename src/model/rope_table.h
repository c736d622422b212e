// Rotation frequencies (spec section 2): f_p = theta^(-2p/dims), and their YaRN form. No magnitude factor.
#pragma once

#include "formats/config.h"
#include "ops/ops.h"

namespace hadal {

RopeFrequencies rope_frequencies(double theta, int64_t dims = kRopeDims);
// f_p / factor where a pair turns less than beta_slow times within the original context, f_p where it turns
// more than beta_fast times, a linear ramp over the pairs between.
RopeFrequencies yarn_frequencies(double theta, const RopeScaling& yarn, int64_t dims = kRopeDims);
// What YaRN multiplies the softmax scale by (V3, V3.2): (0.1 * mscale_all_dim * ln factor + 1)^2.
double yarn_softmax_factor(const RopeScaling& yarn);

}  // namespace hadal
