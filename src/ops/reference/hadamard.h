// The Hadamard rotation of one vector of 128 values, in place, in natural order.
#pragma once

namespace hadal {

inline constexpr float kHadamardScale = 0.08838834764831845f;  // 128^-0.5

void hadamard_128(float* x /*[128]*/);

}  // namespace hadal
