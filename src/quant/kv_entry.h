// A kept kv row: what one window row or compressed entry keeps of a dim-wide vector whose last `rotated`
// values carry the rotation. Five forms; in each the codes come first, then what is kept as bf16, then the
// scales.
//
//   kF32       dim floats
//   kFp8Rope   V4 (spec section 4): dim - rotated e4m3 codes, one e8m0 scale per 64 of them (Sim8-64), and
//   the
//              rotated part in bf16: 583 bytes at 512
//   kLatent    V3.2: dim - rotated e4m3 codes, one fp32 scale (a power of two) per 128, the rotated part in
//   bf16:
//              656 bytes at 512 + 64
//   kFp8       V4.1's window: dim e4m3 codes, one e8m0 scale per 32: 528 bytes at 512
//   kFp4       V4.1's shared cache: dim e2m1 codes, two a byte (low nibble = even), one e4m3 scale per 16:
//   288
//              bytes at 512
//
// The last block of a row may be shorter.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

enum class KvForm { kF32, kFp8Rope, kLatent, kFp8, kFp4 };

struct KvRow {
  KvForm form = KvForm::kF32;
  int64_t dim = 0;
  int64_t rotated = 64;  // matters to kFp8Rope and kLatent

  int64_t bytes() const;
};

void encode_kv_row(const KvRow& row, const float* kv /*[dim]*/, std::byte* stored);
void decode_kv_row(const KvRow& row, const std::byte* stored, float* kv /*[dim]*/);

}  // namespace hadal
