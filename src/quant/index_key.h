// Stored indexer keys (spec 3.6, Sim4-32): 128 e2m1 codes and 4 e8m0 scales each, 68 bytes, in tiles of 16
// keys so that a vector unit scores 16 keys at once.
//
// Tile of 1088 bytes: 16 steps of 64 bytes, then 64 scale bytes. Step s holds, for key j of 16, the 4 bytes
// at s*64 + j*4: byte b has dimension 8s + 2b in its low nibble and 8s + 2b + 1 in its high nibble. The scale
// of block b (dimensions 32b..32b+31) of key j is at 1024 + b*16 + j. Key n of a sequence is key n%16 of tile
// n/16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

inline constexpr int64_t kIndexKeyDim = 128;
inline constexpr int64_t kIndexTileKeys = 16;
inline constexpr int64_t kIndexTileBytes = 1088;

// Bytes of the tiles that hold `count` keys.
constexpr int64_t index_key_bytes(int64_t count) {
  return (count + kIndexTileKeys - 1) / kIndexTileKeys * kIndexTileBytes;
}

void encode_index_key(const float* key /*[128]*/, int64_t n, std::byte* tiles);
void decode_index_key(const std::byte* tiles, int64_t n, float* key /*[128]*/);

// Sim4-32 of one 128-vector without a place in a tile: codes [128] (one a byte) and exponents+127 [4].
void quantise_index_vector(const float* x /*[128]*/, uint8_t* codes, uint8_t* scales);

}  // namespace hadal
