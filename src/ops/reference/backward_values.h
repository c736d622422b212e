// How backward ops read parameters: training keeps them as aligned fp32.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "ops/ops.h"

namespace hadal {

inline const float* f32_values(const std::byte* data) {
  CHECK(reinterpret_cast<uintptr_t>(data) % alignof(float) == 0);
  return reinterpret_cast<const float*>(data);
}

inline const float* f32_weights(const Weight& w) {
  CHECK(w.format == WeightFormat::kF32);
  return f32_values(w.data);
}

inline const float* f32_weights(const NormWeight& w) {
  CHECK(!w.bf16);
  return f32_values(w.data);
}

}  // namespace hadal
