#include "tools/random_fill.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "quant/fp4_weight.h"
#include "quant/small_floats.h"
#include "tools/random_values.h"

namespace hadal {
namespace {

// Half of the tiles at half the spread: this restores the spread of the whole, 1/sqrt((1 + 1/4) / 2).
constexpr float kTileCorrection = 1.26491106f;

void put_bf16(float x, std::byte* out) {
  const uint16_t code = f32_to_bf16(x);
  std::memcpy(out, &code, sizeof code);
}

}  // namespace

RandomFiller::RandomFiller(const RandomTensor& tensor, uint64_t seed)
    : tensor_(tensor),
      values_(seed, tensor.name),
      tiles_(seed, tensor.name + "/tiles"),
      rows_(tensor.shape[0]) {
  if (tensor.shape.size() == 2) cols_ = tensor.shape[1];
  row_bytes_ =
      tensor.dtype == DType::kI8 ? cols_ / 2 : cols_ * static_cast<int64_t>(dtype_bytes(tensor.dtype));
}

int64_t RandomFiller::scale_rows() const {
  if (tensor_.dtype == DType::kI8) return rows_;
  return tensor_.dtype == DType::kF8E4M3 ? (rows_ + tensor_.tile_rows - 1) / tensor_.tile_rows : 0;
}

int64_t RandomFiller::scale_row_bytes() const {
  return tensor_.dtype == DType::kI8 ? cols_ / 32 : (cols_ + tensor_.tile - 1) / tensor_.tile;
}

void RandomFiller::fill(int64_t first, int64_t last, std::byte* out, std::byte* scales) const {
  CHECK(first % kRandomTile == 0);
  switch (tensor_.fill) {
    case RandomFill::kValues:
      return fill_values(first, last, out);
    case RandomFill::kHashIds:
      return fill_hash_ids(first, last, out);
    case RandomFill::kMatrix:
      break;
  }
  std::vector<float> values(static_cast<size_t>(cols_));
  for (int64_t row = first; row < last; ++row)
    fill_matrix_row(row, values.data(), out + (row - first) * row_bytes_, scales);
}

void RandomFiller::fill_values(int64_t first, int64_t last, std::byte* out) const {
  const bool bf16 = tensor_.dtype == DType::kBF16;
  for (int64_t i = first * cols_; i < last * cols_; ++i) {
    const float value = tensor_.mean + tensor_.spread * values_.normal(i);
    if (bf16) {
      put_bf16(value, out);
    } else {
      std::memcpy(out, &value, sizeof value);
    }
    out += bf16 ? 2 : 4;
  }
}

void RandomFiller::fill_hash_ids(int64_t first, int64_t last, std::byte* out) const {
  std::vector<int64_t> left(static_cast<size_t>(tensor_.experts));
  for (int64_t token = first; token < last; ++token) {
    for (int64_t e = 0; e < tensor_.experts; ++e) left[static_cast<size_t>(e)] = e;
    for (int64_t k = 0; k < std::min(cols_, tensor_.experts); ++k) {  // the first steps of a shuffle
      const auto rest = static_cast<uint64_t>(tensor_.experts - k);
      std::swap(left[static_cast<size_t>(k)],
                left[static_cast<size_t>(k) + values_.bits(token * cols_ + k) % rest]);
    }
    std::memcpy(out, left.data(), static_cast<size_t>(row_bytes_));
    out += row_bytes_;
  }
}

float RandomFiller::tile_spread(int64_t row, int64_t col) const {
  const int64_t tile =
      row / tensor_.tile_rows * ((cols_ + tensor_.tile - 1) / tensor_.tile) + col / tensor_.tile;
  return tensor_.spread * kTileCorrection * ((tiles_.bits(tile) >> 63) != 0 ? 0.5f : 1.0f);
}

void RandomFiller::fill_matrix_row(int64_t row, float* values, std::byte* out, std::byte* scales) const {
  for (int64_t begin = 0; begin < cols_; begin += tensor_.tile) {
    const float spread = tile_spread(row, begin);
    const int64_t end = std::min(begin + tensor_.tile, cols_);
    for (int64_t col = begin; col < end; ++col) values[col] = spread * values_.normal(row * cols_ + col);
    if (tensor_.dtype == DType::kBF16) {
      for (int64_t col = begin; col < end; ++col) put_bf16(values[col], out + 2 * col);
    } else if (tensor_.dtype == DType::kF8E4M3) {
      const int exponent = fp8_scale_exponent(spread * kNormalBound);
      const float inverse = std::ldexp(1.0f, -exponent);
      for (int64_t col = begin; col < end; ++col)
        out[col] = static_cast<std::byte>(f32_to_e4m3(values[col] * inverse));
      if (row % tensor_.tile_rows == 0)
        scales[row / tensor_.tile_rows * scale_row_bytes() + begin / tensor_.tile] =
            static_cast<std::byte>(exponent + 127);
    }
  }
  if (tensor_.dtype == DType::kI8) encode_fp4_row(values, cols_, out, scales + row * scale_row_bytes());
}

}  // namespace hadal
