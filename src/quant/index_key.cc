#include "quant/index_key.h"

#include "quant/blocks.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = 32;
constexpr int64_t kScalesAt = 1024;

// The byte that holds dimensions `dimension` and `dimension` + 1 (even) of key j of the tile.
int64_t code_at(int64_t j, int64_t dimension) { return dimension / 8 * 64 + j * 4 + dimension % 8 / 2; }

}  // namespace

void quantise_index_vector(const float* x, uint8_t* codes, uint8_t* scales) {
  for (int64_t at = 0; at < kIndexKeyDim; at += kBlock)
    scales[at / kBlock] = quantise_fp4_block(x + at, kBlock, codes + at);
}

void encode_index_key(const float* key, int64_t n, std::byte* tiles) {
  uint8_t codes[kIndexKeyDim];
  uint8_t scales[kIndexKeyDim / kBlock];
  quantise_index_vector(key, codes, scales);
  std::byte* const tile = tiles + n / kIndexTileKeys * kIndexTileBytes;
  const int64_t j = n % kIndexTileKeys;
  for (int64_t d = 0; d < kIndexKeyDim; d += 2)
    tile[code_at(j, d)] = static_cast<std::byte>(codes[d] | codes[d + 1] << 4);
  for (int64_t b = 0; b < kIndexKeyDim / kBlock; ++b)
    tile[kScalesAt + b * kIndexTileKeys + j] = static_cast<std::byte>(scales[b]);
}

void decode_index_key(const std::byte* tiles, int64_t n, float* key) {
  const std::byte* const tile = tiles + n / kIndexTileKeys * kIndexTileBytes;
  const int64_t j = n % kIndexTileKeys;
  for (int64_t d = 0; d < kIndexKeyDim; d += 2) {
    const auto pair = static_cast<uint8_t>(tile[code_at(j, d)]);
    const float scale = e8m0_to_f32(static_cast<uint8_t>(tile[kScalesAt + d / kBlock * kIndexTileKeys + j]));
    key[d] = e2m1_to_f32(pair & 15U) * scale;
    key[d + 1] = e2m1_to_f32(pair >> 4) * scale;
  }
}

}  // namespace hadal
