// Kept indexer keys, in one of three forms:
//
//   kF32  dim floats a key
//   kFp4  V4 (spec 3.6, Sim4-32) and V4.1: dim e2m1 codes and one e8m0 scale per 32 of them, 68 bytes at 128,
//   in
//         tiles of 16 keys so that a vector unit scores 16 keys at once
//   kFp8  V3.2: the key turned by Hadamard (where dim is a power of two), as dim e4m3 codes and one fp32
//   scale, a
//         power of two: 132 bytes at 128, key after key
//
// An FP4 tile (1088 bytes at 128): ceil(dim/8) steps of 64 bytes, then 16 scale bytes for each block of 32.
// Step s holds, for key j of 16, the 4 bytes at s*64 + j*4: byte b has dimension 8s + 2b in its low nibble
// and 8s + 2b + 1 in its high nibble. The scale of block b (dimensions 32b..32b+31) of key j is at steps*64 +
// b*16 + j. Key n of a sequence is key n%16 of tile n/16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

inline constexpr int64_t kIndexKeyDim = 128;  // V4's
inline constexpr int64_t kMostIndexDim = 512;
inline constexpr int64_t kIndexTileKeys = 16;
inline constexpr int64_t kIndexTileBytes = 1088;  // at 128
inline constexpr int64_t kIndexBlock = 32;        // FP4 codes under one scale

enum class IndexForm { kF32, kFp4, kFp8 };

struct IndexKeyForm {
  IndexForm form = IndexForm::kFp4;
  int64_t dim = kIndexKeyDim;

  int64_t bytes(int64_t count) const;  // of the keys 0 .. count-1, whole tiles
  int64_t blocks() const { return (dim + kIndexBlock - 1) / kIndexBlock; }
  int64_t steps() const { return (dim + 7) / 8; }
  int64_t tile_bytes() const { return steps() * 64 + blocks() * kIndexTileKeys; }
};

// Key n of the sequence whose keys begin at `keys`.
void encode_index_key(const IndexKeyForm& form, const float* key /*[dim]*/, int64_t n, std::byte* keys);
// kFp8: as it lies there, turned.
void decode_index_key(const IndexKeyForm& form, const std::byte* keys, int64_t n, float* key /*[dim]*/);

// Sim4-32 of one vector without a place in a tile: codes [dim] (one a byte) and exponents+127 [ceil(dim/32)].
void quantise_index_vector(const float* x, int64_t dim, uint8_t* codes, uint8_t* scales);
// The kFp8 form of one vector: codes [dim], returns the scale.
float quantise_index_vector8(const float* x, int64_t dim, uint8_t* codes);

}  // namespace hadal
