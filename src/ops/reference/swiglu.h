// SwiGLU with the clamp of spec 3.7: silu(min(g, limit)) * clamp(u, -limit, limit); limit <= 0 means no
// clamp.
#pragma once

#include <algorithm>

#include "ops/elementary.h"

namespace hadal {

inline float swiglu(float g, float u, float limit) {
  if (limit > 0) {
    g = std::min(g, limit);
    u = std::clamp(u, -limit, limit);
  }
  return g * sigmoid_f32(g) * u;
}

}  // namespace hadal
