// A stored kv row: what one window row or compressed entry keeps of a head_dim-wide vector (spec section 4).
//
// Bytes, for head_dim c (c - 64 is a multiple of 64): c-64 e4m3 codes | 64 bf16 values (the rotated part) |
// (c-64)/64 e8m0 scales, one per 64 codes (Sim8-64). 583 bytes at c = 512.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

constexpr int64_t kv_entry_bytes(int64_t head_dim) { return (head_dim - 64) + (head_dim - 64) / 64 + 128; }

void encode_kv_entry(const float* kv /*[head_dim]*/, int64_t head_dim, std::byte* entry);
void decode_kv_entry(const std::byte* entry, int64_t head_dim, float* kv /*[head_dim]*/);

}  // namespace hadal
