#include "quant/index_key.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "quant/blocks.h"

namespace hadal {
namespace {

// The byte that holds dimensions `dimension` and `dimension` + 1 (even) of key j of the tile.
int64_t code_at(int64_t j, int64_t dimension) { return dimension / 8 * 64 + j * 4 + dimension % 8 / 2; }

int64_t scale_at(const IndexKeyForm& form, int64_t j, int64_t dimension) {
  return form.steps() * 64 + dimension / kIndexBlock * kIndexTileKeys + j;
}

void encode_fp4(const IndexKeyForm& form, const float* key, int64_t n, std::byte* keys) {
  uint8_t codes[kMostIndexDim + 1] = {};
  uint8_t scales[kMostIndexDim / kIndexBlock] = {};
  quantise_index_vector(key, form.dim, codes, scales);
  std::byte* const tile = keys + n / kIndexTileKeys * form.tile_bytes();
  const int64_t j = n % kIndexTileKeys;
  for (int64_t d = 0; d < form.dim; d += 2)
    tile[code_at(j, d)] = static_cast<std::byte>(codes[d] | codes[d + 1] << 4);
  for (int64_t b = 0; b < form.blocks(); ++b)
    tile[scale_at(form, j, b * kIndexBlock)] = static_cast<std::byte>(scales[b]);
}

void decode_fp4(const IndexKeyForm& form, const std::byte* keys, int64_t n, float* key) {
  const std::byte* const tile = keys + n / kIndexTileKeys * form.tile_bytes();
  const int64_t j = n % kIndexTileKeys;
  for (int64_t d = 0; d < form.dim; ++d) {
    const auto pair = static_cast<uint8_t>(tile[code_at(j, d)]);
    const float scale = e8m0_to_f32(static_cast<uint8_t>(tile[scale_at(form, j, d)]));
    key[d] = e2m1_to_f32(static_cast<uint8_t>(d % 2 == 0 ? pair & 15U : pair >> 4)) * scale;
  }
}

// Natural order, butterflies h = 1, 2, 4 .. of (a + b, a - b), then times fp32(n^-0.5).
void hadamard(float* x, int64_t n) {
  for (int64_t h = 1; h < n; h *= 2) {
    for (int64_t first = 0; first < n; first += 2 * h) {
      for (int64_t i = first; i < first + h; ++i) {
        const float a = x[i];
        const float b = x[i + h];
        x[i] = a + b;
        x[i + h] = a - b;
      }
    }
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
  for (int64_t i = 0; i < n; ++i) x[i] *= scale;
}

}  // namespace

int64_t IndexKeyForm::bytes(int64_t count) const {
  switch (form) {
    case IndexForm::kF32:
      return count * dim * static_cast<int64_t>(sizeof(float));
    case IndexForm::kFp4:
      return (count + kIndexTileKeys - 1) / kIndexTileKeys * tile_bytes();
    case IndexForm::kFp8:
      return count * (dim + static_cast<int64_t>(sizeof(float)));
  }
  return 0;
}

void quantise_index_vector(const float* x, int64_t dim, uint8_t* codes, uint8_t* scales) {
  for (int64_t at = 0; at < dim; at += kIndexBlock)
    scales[at / kIndexBlock] = quantise_fp4_block(x + at, std::min(kIndexBlock, dim - at), codes + at);
}

float quantise_index_vector8(const float* x, int64_t dim, uint8_t* codes) {
  float turned[kMostIndexDim];
  std::copy_n(x, dim, turned);
  if (std::has_single_bit(static_cast<uint64_t>(dim))) hadamard(turned, dim);
  return e8m0_to_f32(quantise_fp8_block(turned, dim, codes));
}

void encode_index_key(const IndexKeyForm& form, const float* key, int64_t n, std::byte* keys) {
  switch (form.form) {
    case IndexForm::kF32:
      std::memcpy(keys + form.bytes(n), key, static_cast<size_t>(form.bytes(1)));
      break;
    case IndexForm::kFp4:
      encode_fp4(form, key, n, keys);
      break;
    case IndexForm::kFp8: {
      std::byte* const to = keys + form.bytes(n);
      const float scale = quantise_index_vector8(key, form.dim, reinterpret_cast<uint8_t*>(to));
      std::memcpy(to + form.dim, &scale, sizeof scale);
      break;
    }
  }
}

void decode_index_key(const IndexKeyForm& form, const std::byte* keys, int64_t n, float* key) {
  switch (form.form) {
    case IndexForm::kF32:
      std::memcpy(key, keys + form.bytes(n), static_cast<size_t>(form.bytes(1)));
      break;
    case IndexForm::kFp4:
      decode_fp4(form, keys, n, key);
      break;
    case IndexForm::kFp8: {
      const std::byte* const from = keys + form.bytes(n);
      float scale = 0;
      std::memcpy(&scale, from + form.dim, sizeof scale);
      for (int64_t d = 0; d < form.dim; ++d) key[d] = e4m3_to_f32(static_cast<uint8_t>(from[d])) * scale;
      break;
    }
  }
}

}  // namespace hadal
