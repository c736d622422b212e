// One element of a norm weight as it lies in the file.
#pragma once

#include "ops/ops.h"
#include "quant/small_floats.h"

namespace hadal {

inline float norm_weight_at(const NormWeight& weight, int64_t i) {
  return weight.bf16 ? bf16_to_f32(load_as<uint16_t>(weight.data + i * 2))
                     : load_as<float>(weight.data + i * 4);
}

}  // namespace hadal
