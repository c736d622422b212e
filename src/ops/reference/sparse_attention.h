// The keys of one token as fp32, shared by the reference and the official attention.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/ops.h"

namespace hadal {

// decoded <- [keys.count, dim]; there must be at least one key.
void decode_rows(const KeyRows& keys, const KeyForms& forms, std::vector<float>& decoded);

}  // namespace hadal
