// The loss of one query of the indexer; shared by the reference and the fast version.
#pragma once

#include <span>

namespace hadal {

// KL(target || softmax(scores)); scores <- softmax - target.
double kl_of_token(std::span<float> scores, const float* target);

}  // namespace hadal
