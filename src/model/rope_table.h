// Rotation frequencies (spec section 2): f_p = theta^(-2p/64), and their YaRN form. No magnitude factor.
#pragma once

#include "formats/config.h"
#include "ops/ops.h"

namespace hadal {

RopeFrequencies rope_frequencies(double theta);
// f_p / factor where a pair turns less than beta_slow times within the original context, f_p where it turns
// more than beta_fast times, a linear ramp over the pairs between.
RopeFrequencies yarn_frequencies(double theta, const RopeScaling& yarn);

}  // namespace hadal
