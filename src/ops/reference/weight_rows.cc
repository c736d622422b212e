// Decoding of stored weights for the reference ops: what an element of each format is worth (ops/weight.h).
#include <cmath>
#include <limits>

#include "ops/decode_weight.h"
#include "ops/reference/lanes.h"
#include "quant/small_floats.h"
#include "tensor/tensor.h"

namespace hadal {
namespace {

constexpr int64_t kFp4Block = 32;

float e8m0_scale(std::byte stored) {
  const auto code = static_cast<uint8_t>(stored);
  return code == 255 ? std::numeric_limits<float>::infinity() : e8m0_to_f32(code);
}

}  // namespace

float fp8_code(const Weight& w, int64_t row, int64_t k) {
  const auto code = static_cast<uint8_t>(w.data[row * w.in + k]);
  if ((code & 0x7f) == 0x7f) return (code & 0x80) != 0 ? -480.0f : 480.0f;
  return e4m3_to_f32(code);
}

float fp8_tile_scale(const Weight& w, int64_t row, int64_t k) {
  const int64_t tile = row / w.tile_out * ((w.in + w.tile_in - 1) / w.tile_in) + k / w.tile_in;
  if (w.scale_format == ScaleFormat::kF32) return load_as<float>(w.scales + tile * 4);
  return e8m0_scale(w.scales[tile]);
}

float fp4_block_scale(const Weight& w, int64_t row, int64_t block) {
  return e8m0_scale(w.scales[row * (w.in / kFp4Block) + block]);
}

int fp4_doubled_code(const Weight& w, int64_t row, int64_t k) {
  const auto pair = static_cast<uint8_t>(w.data[row * w.row_bytes() + k / 2]);
  return static_cast<int>(2 * e2m1_to_f32(static_cast<uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4)));
}

void decode_weight_row(const Weight& w, int64_t row, float* out) {
  const std::byte* const data = w.data + row * w.row_bytes();
  for (int64_t k = 0; k < w.in; ++k) {
    switch (w.format) {
      case WeightFormat::kF32:
        out[k] = load_as<float>(data + k * 4);
        break;
      case WeightFormat::kBF16:
        out[k] = bf16_to_f32(load_as<uint16_t>(data + k * 2));
        break;
      case WeightFormat::kFp8:
        out[k] = fp8_code(w, row, k) * fp8_tile_scale(w, row, k);
        break;
      case WeightFormat::kFp4:
        out[k] =
            0.5f * static_cast<float>(fp4_doubled_code(w, row, k)) * fp4_block_scale(w, row, k / kFp4Block);
        break;
    }
  }
}

void decode_weight(const Weight& w, float* out) {
  for (int64_t row = 0; row < w.out; ++row) decode_weight_row(w, row, out + row * w.in);
}

}  // namespace hadal
