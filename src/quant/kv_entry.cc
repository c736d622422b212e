#include "quant/kv_entry.h"

#include <cstring>

#include "quant/blocks.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kRotated = 64;

}  // namespace

void encode_kv_entry(const float* kv, int64_t head_dim, std::byte* entry) {
  const int64_t coded = head_dim - kRotated;
  auto* const codes = reinterpret_cast<uint8_t*>(entry);
  uint8_t* const scales = codes + coded + 2 * kRotated;
  for (int64_t at = 0; at < coded; at += kBlock)
    scales[at / kBlock] = quantise_fp8_block(kv + at, kBlock, codes + at);
  for (int64_t i = 0; i < kRotated; ++i) {
    const uint16_t value = f32_to_bf16(kv[coded + i]);
    std::memcpy(codes + coded + 2 * i, &value, sizeof value);
  }
}

void decode_kv_entry(const std::byte* entry, int64_t head_dim, float* kv) {
  const int64_t coded = head_dim - kRotated;
  const auto* const codes = reinterpret_cast<const uint8_t*>(entry);
  const uint8_t* const scales = codes + coded + 2 * kRotated;
  for (int64_t i = 0; i < coded; ++i) kv[i] = e4m3_to_f32(codes[i]) * e8m0_to_f32(scales[i / kBlock]);
  for (int64_t i = 0; i < kRotated; ++i) {
    uint16_t value = 0;
    std::memcpy(&value, codes + coded + 2 * i, sizeof value);
    kv[coded + i] = bf16_to_f32(value);
  }
}

}  // namespace hadal
