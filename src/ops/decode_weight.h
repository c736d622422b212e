// A stored weight as fp32: what each of its elements is worth in the ops.
#pragma once

#include "ops/weight.h"

namespace hadal {

void decode_weight(const Weight& w, float* out /*[w.out, w.in]*/);

}  // namespace hadal
