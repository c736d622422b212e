#include "quant/fp4_weight.h"

#include <algorithm>
#include <cmath>

#include "quant/blocks.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = 32;  // elements under one scale
constexpr int64_t kMxfp4Bytes = 17;

// The code of element i of a packed row.
uint8_t code_at(const std::byte* packed, int64_t i) {
  const auto pair = static_cast<uint8_t>(packed[i / 2]);
  return i % 2 == 0 ? pair & 15U : pair >> 4;
}

}  // namespace

void decode_fp4_row(const std::byte* packed, const std::byte* scales, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = e2m1_to_f32(code_at(packed, i)) * e8m0_to_f32(static_cast<uint8_t>(scales[i / kBlock]));
}

void encode_fp4_row(const float* x, int64_t n, std::byte* packed, std::byte* scales) {
  for (int64_t at = 0; at < n; at += kBlock) {
    uint8_t codes[kBlock + 1] = {};
    const int64_t count = std::min(kBlock, n - at);
    scales[at / kBlock] = static_cast<std::byte>(quantise_fp4_block(x + at, count, codes));
    for (int64_t i = 0; i < count; i += 2)
      packed[(at + i) / 2] = static_cast<std::byte>(codes[i] | codes[i + 1] << 4);
  }
}

bool fp4_tile_to_fp8(const std::byte* packed, int64_t packed_stride, const std::byte* scales,
                     int64_t scale_stride, int64_t rows, int64_t cols, uint8_t* codes, int64_t code_stride,
                     uint8_t* tile_scale) {
  int largest = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t b = 0; b < (cols + kBlock - 1) / kBlock; ++b)
      largest = std::max(largest, static_cast<int>(scales[r * scale_stride + b]));
  if (largest == 255) return false;
  const int tile = std::max(largest - 6, 0);
  *tile_scale = static_cast<uint8_t>(tile);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const int shift = static_cast<int>(scales[r * scale_stride + c / kBlock]) - tile;
      const float magnitude = e2m1_to_f32(code_at(packed + r * packed_stride, c));
      const float value = magnitude == 0 ? 0.0F : std::ldexp(magnitude, shift);
      const uint8_t code = f32_to_e4m3(value);
      if (e4m3_to_f32(code) != value) return false;
      codes[r * code_stride + c] = code;
    }
  }
  return true;
}

void fp4_row_to_mxfp4(const std::byte* packed, const std::byte* scales, int64_t n, std::byte* blocks) {
  for (int64_t at = 0; at < n; at += kBlock) {
    std::byte* const block = blocks + at / kBlock * kMxfp4Bytes;
    block[0] = scales[at / kBlock];
    for (int64_t b = 0; b < kBlock / 2; ++b)
      block[1 + b] =
          static_cast<std::byte>(code_at(packed, at + b) | code_at(packed, at + b + kBlock / 2) << 4);
  }
}

}  // namespace hadal
