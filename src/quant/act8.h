// ActQ8-128: how the official kernels quantise the input of a product with FP8 or FP4 weights (spec section
// 2).
#pragma once

#include <cstdint>

namespace hadal {

// x [n] -> e4m3 codes [n] and one e8m0 byte per 128 values (the last block may be shorter).
void quantise_act8(const float* x, int64_t n, uint8_t* codes, uint8_t* scales);

}  // namespace hadal
