#include "quant/kv_entry.h"

#include <algorithm>
#include <cstring>

#include "quant/blocks.h"

namespace hadal {
namespace {

constexpr int64_t kRopeBlock = 64;
constexpr int64_t kLatentBlock = 128;
constexpr int64_t kFp8Block = 32;
constexpr int64_t kFp4Block = 16;

int64_t blocks(int64_t n, int64_t block) { return (n + block - 1) / block; }

// How a row with a bf16 part is laid out.
struct SplitRow {
  explicit SplitRow(const KvRow& row)
      : coded(row.dim - row.rotated),
        block(row.form == KvForm::kLatent ? kLatentBlock : kRopeBlock),
        scale_bytes(row.form == KvForm::kLatent ? 4 : 1),
        rotated_at(coded),
        scales_at(coded + 2 * row.rotated) {}
  int64_t coded, block, scale_bytes, rotated_at, scales_at;
};

void encode_split(const KvRow& row, const float* kv, std::byte* stored) {
  const SplitRow split(row);
  auto* const codes = reinterpret_cast<uint8_t*>(stored);
  for (int64_t at = 0; at < split.coded; at += split.block) {
    const uint8_t scale = quantise_fp8_block(kv + at, std::min(split.block, split.coded - at), codes + at);
    std::byte* const to = stored + split.scales_at + at / split.block * split.scale_bytes;
    if (split.scale_bytes == 1) {
      *to = static_cast<std::byte>(scale);
    } else {
      const float value = e8m0_to_f32(scale);
      std::memcpy(to, &value, sizeof value);
    }
  }
  for (int64_t i = 0; i < row.rotated; ++i) {
    const uint16_t value = f32_to_bf16(kv[split.coded + i]);
    std::memcpy(codes + split.rotated_at + 2 * i, &value, sizeof value);
  }
}

void decode_split(const KvRow& row, const std::byte* stored, float* kv) {
  const SplitRow split(row);
  const auto* const codes = reinterpret_cast<const uint8_t*>(stored);
  for (int64_t i = 0; i < split.coded; ++i) {
    const std::byte* const from = stored + split.scales_at + i / split.block * split.scale_bytes;
    float scale = 0;
    if (split.scale_bytes == 1) {
      scale = e8m0_to_f32(static_cast<uint8_t>(*from));
    } else {
      std::memcpy(&scale, from, sizeof scale);
    }
    kv[i] = e4m3_to_f32(codes[i]) * scale;
  }
  for (int64_t i = 0; i < row.rotated; ++i) {
    uint16_t value = 0;
    std::memcpy(&value, codes + split.rotated_at + 2 * i, sizeof value);
    kv[split.coded + i] = bf16_to_f32(value);
  }
}

void encode_fp8(const float* kv, int64_t dim, std::byte* stored) {
  auto* const codes = reinterpret_cast<uint8_t*>(stored);
  for (int64_t at = 0; at < dim; at += kFp8Block)
    codes[dim + at / kFp8Block] = quantise_fp8_block(kv + at, std::min(kFp8Block, dim - at), codes + at);
}

void decode_fp8(const std::byte* stored, int64_t dim, float* kv) {
  const auto* const codes = reinterpret_cast<const uint8_t*>(stored);
  for (int64_t i = 0; i < dim; ++i) kv[i] = e4m3_to_f32(codes[i]) * e8m0_to_f32(codes[dim + i / kFp8Block]);
}

// scale = e4m3(max(amax, 6 * 2^-9) / 6), codes = e2m1(x / scale).
void encode_fp4(const float* kv, int64_t dim, std::byte* stored) {
  auto* const bytes = reinterpret_cast<uint8_t*>(stored);
  const int64_t scales_at = blocks(dim, 2);
  for (int64_t at = 0; at < dim; at += kFp4Block) {
    const int64_t count = std::min(kFp4Block, dim - at);
    const float amax = std::max(largest_magnitude(kv + at, count), 0x1.8p-7F);
    const uint8_t scale = f32_to_e4m3(amax / 6.0F);
    bytes[scales_at + at / kFp4Block] = scale;
    const float value = e4m3_to_f32(scale);
    for (int64_t i = 0; i < count; i += 2) {
      const uint8_t low = f32_to_e2m1(kv[at + i] / value);
      const uint8_t high = i + 1 < count ? f32_to_e2m1(kv[at + i + 1] / value) : 0;
      bytes[(at + i) / 2] = static_cast<uint8_t>(low | high << 4);
    }
  }
}

void decode_fp4(const std::byte* stored, int64_t dim, float* kv) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(stored);
  const uint8_t* const scales = bytes + blocks(dim, 2);
  for (int64_t i = 0; i < dim; ++i) {
    const uint8_t pair = bytes[i / 2];
    const auto code = static_cast<uint8_t>(i % 2 == 0 ? pair & 15U : pair >> 4);
    kv[i] = e2m1_to_f32(code) * e4m3_to_f32(scales[i / kFp4Block]);
  }
}

}  // namespace

int64_t KvRow::bytes() const {
  switch (form) {
    case KvForm::kF32:
      return dim * static_cast<int64_t>(sizeof(float));
    case KvForm::kFp8Rope:
    case KvForm::kLatent: {
      const SplitRow split(*this);
      return split.scales_at + blocks(split.coded, split.block) * split.scale_bytes;
    }
    case KvForm::kFp8:
      return dim + blocks(dim, kFp8Block);
    case KvForm::kFp4:
      return blocks(dim, 2) + blocks(dim, kFp4Block);
  }
  return 0;
}

void encode_kv_row(const KvRow& row, const float* kv, std::byte* stored) {
  switch (row.form) {
    case KvForm::kF32:
      std::memcpy(stored, kv, static_cast<size_t>(row.bytes()));
      break;
    case KvForm::kFp8Rope:
    case KvForm::kLatent:
      encode_split(row, kv, stored);
      break;
    case KvForm::kFp8:
      encode_fp8(kv, row.dim, stored);
      break;
    case KvForm::kFp4:
      encode_fp4(kv, row.dim, stored);
      break;
  }
}

void decode_kv_row(const KvRow& row, const std::byte* stored, float* kv) {
  switch (row.form) {
    case KvForm::kF32:
      std::memcpy(kv, stored, static_cast<size_t>(row.bytes()));
      break;
    case KvForm::kFp8Rope:
    case KvForm::kLatent:
      decode_split(row, stored, kv);
      break;
    case KvForm::kFp8:
      decode_fp8(stored, row.dim, kv);
      break;
    case KvForm::kFp4:
      decode_fp4(stored, row.dim, kv);
      break;
  }
}

}  // namespace hadal
