// Expert weights in FP4: e2m1 codes, two a byte (low nibble = even element), one e8m0 scale per 32 elements
// of a row; and the lossless ways from there to FP8 tiles (official converter) and to GGUF's MXFP4 blocks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

void decode_fp4_row(const std::byte* packed, const std::byte* scales, int64_t n, float* out);
// A row [n] -> packed codes and scales; scale 2^e with e = fp4_scale_exponent(amax of the 32).
void encode_fp4_row(const float* x, int64_t n, std::byte* packed, std::byte* scales);

// One 128 x 128 tile or a smaller one at the edge: S = max(scale) / 2^6, element = e4m3(value / S). Returns
// false where a value is not exact (the scales of the tile span more than 14 binades). -0 becomes +0.
bool fp4_tile_to_fp8(const std::byte* packed, int64_t packed_stride, const std::byte* scales,
                     int64_t scale_stride, int64_t rows, int64_t cols, uint8_t* codes, int64_t code_stride,
                     uint8_t* tile_scale);

// A row [n] -> n/32 GGUF MXFP4 blocks of 17 bytes (scale, then elements b and b+16 in low and high nibble of
// byte b).
void fp4_row_to_mxfp4(const std::byte* packed, const std::byte* scales, int64_t n, std::byte* blocks);

}  // namespace hadal
