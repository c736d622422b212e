// What tells one checkpoint's weights from another's.
#pragma once

#include <string>

#include "formats/checkpoint.h"

namespace hadal {

// Hex digits of a SHA-256 over every tensor's name, type and shape and samples of the weights' bytes (up to
// 256 tensors, so that a big model costs a moment).
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace hadal
