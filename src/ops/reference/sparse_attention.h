// The keys of one token as fp32, shared by the reference and the official attention.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/ops.h"

namespace hadal {

// decoded <- [keys.count, head_dim]; there must be at least one key.
void decode_rows(const KeyRows& keys, EntryFormat format, int64_t head_dim, std::vector<float>& decoded);

}  // namespace hadal
