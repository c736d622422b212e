// Block formats by their own rules: where bytes lie, tails, what is exact and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "quant/act8.h"
#include "quant/fp4_weight.h"
#include "quant/index_key.h"
#include "quant/kv_entry.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

// Values that change sign and size, so that a wrong place shows.
std::vector<float> wave(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    x[i] = static_cast<float>((i * 37 % 101) - 50) * std::ldexp(0.01F, static_cast<int>(i / 64 % 7));
  return x;
}

TEST(KvEntry, BytesAndErrors) {
  EXPECT_EQ((KvRow{KvForm::kFp8Rope, 512}.bytes()), 583);
  for (const int64_t head_dim : {128, 192, 512}) {
    const KvRow form{KvForm::kFp8Rope, head_dim};
    const std::vector<float> x = wave(head_dim);
    std::vector<std::byte> entry(form.bytes() + 1, std::byte{0xA5});
    std::vector<float> back(head_dim);
    encode_kv_row(form, x.data(), entry.data());
    EXPECT_EQ(entry.back(), std::byte{0xA5});
    decode_kv_row(form, entry.data(), back.data());
    for (int64_t i = head_dim - 64; i < head_dim; ++i) EXPECT_EQ(back[i], round_to_bf16(x[i]));
    for (int64_t i = 0; i < head_dim - 64; ++i)
      EXPECT_LE(std::fabs(back[i] - x[i]), std::fabs(x[i]) / 16 + 0.01F) << i;
    // What was stored once is stored again without a change.
    std::vector<std::byte> again(entry.size(), std::byte{0xA5});
    encode_kv_row(form, back.data(), again.data());
    EXPECT_EQ(entry, again);
  }
}

TEST(KvRow, TheOtherFormsKeepWhatTheyShould) {
  EXPECT_EQ((KvRow{KvForm::kLatent, 576}.bytes()), 656);
  EXPECT_EQ((KvRow{KvForm::kFp8, 512}.bytes()), 528);
  EXPECT_EQ((KvRow{KvForm::kFp4, 512}.bytes()), 288);
  for (const KvRow& form :
       {KvRow{KvForm::kLatent, 576}, KvRow{KvForm::kLatent, 147, 16}, KvRow{KvForm::kFp8, 77},
        KvRow{KvForm::kFp8, 512}, KvRow{KvForm::kFp4, 512}, KvRow{KvForm::kFp4, 41}}) {
    const std::vector<float> x = wave(form.dim);
    std::vector<std::byte> row(form.bytes() + 1, std::byte{0xA5}), again = row;
    std::vector<float> back(form.dim), twice(form.dim);
    encode_kv_row(form, x.data(), row.data());
    EXPECT_EQ(row.back(), std::byte{0xA5});
    decode_kv_row(form, row.data(), back.data());
    // e2m1 has steps of a sixth of the largest value of 16, e4m3 of a 16th of each value.
    const double step = form.form == KvForm::kFp4 ? 1.0 / 5 : 1.0 / 16;
    for (int64_t i = 0; i < form.dim; ++i) {
      double largest = std::fabs(x[i]);
      for (int64_t j = i / 16 * 16; j < std::min(form.dim, i / 16 * 16 + 16) && form.form == KvForm::kFp4;
           ++j)
        largest = std::max<double>(largest, std::fabs(x[j]));
      EXPECT_LE(std::fabs(back[i] - x[i]), largest * step + 0.01) << form.dim << ' ' << i;
    }
    encode_kv_row(form, back.data(), again.data());
    decode_kv_row(form, again.data(), twice.data());
    EXPECT_EQ(twice, back) << form.dim;
  }
}

TEST(KvRow, Fp4CodesAndScales) {
  // The largest value is 6 times 2, so the scale is 2 = e4m3 0x40; ties go to even codes.
  const std::vector<float> x = {12, -1, 3, 5, 0.5F, -0.5F, 7, 10};
  const KvRow form{KvForm::kFp4, 8};
  std::vector<std::byte> row(form.bytes());
  encode_kv_row(form, x.data(), row.data());
  EXPECT_EQ(static_cast<int>(row[4]), 0x40);
  std::vector<float> back(8);
  decode_kv_row(form, row.data(), back.data());
  EXPECT_EQ(back, (std::vector<float>{12, -1, 3, 4, 0, 0, 8, 8}));
  EXPECT_EQ(static_cast<int>(row[0]), 0x97);
}

TEST(IndexKey, Fp8KeysAreTurnedAndScaled) {
  const IndexKeyForm form{IndexForm::kFp8, 128};
  EXPECT_EQ(form.bytes(3), 3 * 132);
  std::vector<std::byte> keys(form.bytes(3));
  std::vector<float> one(128), back(128);
  one[5] = 8;
  encode_index_key(form, one.data(), 1, keys.data());
  decode_index_key(form, keys.data(), 1, back.data());
  for (int64_t i = 0; i < 128; ++i) EXPECT_NEAR(std::fabs(back[i]), 8 / std::sqrt(128.0), 0.05) << i;
}

TEST(IndexKey, OddDimensionsHaveTheirPlaceToo) {
  for (const IndexForm kind : {IndexForm::kF32, IndexForm::kFp4, IndexForm::kFp8}) {
    const IndexKeyForm form{kind, 43};
    std::vector<std::byte> keys(form.bytes(20) + 1, std::byte{0xA5});
    std::vector<std::vector<float>> expected;
    for (int64_t n = 0; n < 20; ++n) {
      std::vector<float> key = wave(43 + n), back(43);
      key.erase(key.begin(), key.begin() + n);
      encode_index_key(form, key.data(), n, keys.data());
      decode_index_key(form, keys.data(), n, back.data());
      for (int64_t d = 0; d < 43; ++d) EXPECT_NEAR(back[d], key[d], 0.8 * std::fabs(key[d]) + 0.2);
      expected.push_back(back);
    }
    EXPECT_EQ(keys.back(), std::byte{0xA5});
    for (int64_t n = 0; n < 20; ++n) {
      std::vector<float> back(43);
      decode_index_key(form, keys.data(), n, back.data());
      EXPECT_EQ(back, expected[static_cast<size_t>(n)]);
    }
  }
}

TEST(IndexKey, EachKeyHasItsPlace) {
  const IndexKeyForm form;
  EXPECT_EQ(form.bytes(0), 0);
  EXPECT_EQ(form.bytes(16), kIndexTileBytes);
  EXPECT_EQ(form.bytes(17), 2176);
  constexpr int64_t kCount = 40;
  std::vector<std::byte> tiles(form.bytes(kCount));
  std::vector<std::vector<float>> keys;
  for (int64_t n = 0; n < kCount; ++n) {
    std::vector<float> key = wave(kIndexKeyDim + n);
    key.erase(key.begin(), key.begin() + n);
    encode_index_key(form, key.data(), n, tiles.data());
    uint8_t codes[kIndexKeyDim];
    uint8_t scales[4];
    quantise_index_vector(key.data(), kIndexKeyDim, codes, scales);
    for (int64_t d = 0; d < kIndexKeyDim; ++d) key[d] = e2m1_to_f32(codes[d]) * e8m0_to_f32(scales[d / 32]);
    keys.push_back(key);
  }
  for (int64_t n = 0; n < kCount; ++n) {
    std::vector<float> key(kIndexKeyDim);
    decode_index_key(form, tiles.data(), n, key.data());
    EXPECT_EQ(key, keys[n]) << n;
  }
  // Key 17, dimension 9: tile 1, step 1, key 1, high nibble of byte 0.
  const auto byte = static_cast<uint8_t>(tiles[1088 + 64 + 4]);
  const auto scale = static_cast<uint8_t>(tiles[1088 + 1024 + 1]);
  EXPECT_EQ(e2m1_to_f32(byte >> 4) * e8m0_to_f32(scale), keys[17][9]);
}

TEST(Act8, LastBlockMayBeShort) {
  const std::vector<float> x = wave(300);
  std::vector<uint8_t> codes(300);
  std::vector<uint8_t> scales(3);
  quantise_act8(x.data(), 300, codes.data(), scales.data());
  for (int64_t i = 0; i < 300; ++i)
    EXPECT_LE(std::fabs(e4m3_to_f32(codes[i]) * e8m0_to_f32(scales[i / 128]) - x[i]),
              std::fabs(x[i]) / 16 + 1e-4F);
}

TEST(Fp4Weight, RowsComeBackAndTilesAreExact) {
  const int64_t rows = 3;
  const int64_t cols = 96;
  std::vector<float> values(rows * cols);
  std::vector<std::byte> packed(rows * cols / 2);
  std::vector<std::byte> scales(rows * cols / 32);
  const std::vector<float> x = wave(rows * cols);
  for (int64_t r = 0; r < rows; ++r) {
    encode_fp4_row(&x[r * cols], cols, &packed[r * cols / 2], &scales[r * cols / 32]);
    decode_fp4_row(&packed[r * cols / 2], &scales[r * cols / 32], cols, &values[r * cols]);
  }
  std::vector<uint8_t> codes(rows * cols);
  uint8_t tile = 0;
  const auto convert = [&] {
    return fp4_tile_to_fp8(packed.data(), cols / 2, scales.data(), cols / 32, rows, cols, codes.data(), cols,
                           &tile);
  };
  ASSERT_TRUE(convert());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(e4m3_to_f32(codes[i]) * e8m0_to_f32(tile), values[i]) << i;
  // 15 binades apart: half a step of the smallest cannot be held.
  packed[0] = std::byte{0x11};
  scales[0] = std::byte{100};
  scales[1] = std::byte{114};
  for (size_t i = 2; i < scales.size(); ++i) scales[i] = std::byte{110};
  EXPECT_TRUE(convert());
  scales[1] = std::byte{115};
  EXPECT_FALSE(convert());
  scales[1] = std::byte{255};
  EXPECT_FALSE(convert());
}

}  // namespace
}  // namespace hadal
