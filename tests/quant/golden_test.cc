// The stored formats against golden/quants, bit for bit.
#include "golden/golden.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "formats/safetensors.h"
#include "quant/act8.h"
#include "quant/fp4_weight.h"
#include "quant/index_key.h"
#include "quant/kv_entry.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

Safetensors golden(const std::string& name) {
  return Safetensors::open(shared_path("golden/quants/" + name + ".safetensors"), LoadMode::kMmap);
}

// A tensor's values as T, which must be as wide as its dtype.
template <typename T>
std::vector<T> values(const Safetensors& file, const std::string& name) {
  const Tensor* const tensor = file.find(name);
  if (tensor == nullptr || dtype_bytes(tensor->dtype) != sizeof(T)) throw std::runtime_error(name);
  std::vector<T> out(tensor->bytes.size() / sizeof(T));
  std::memcpy(out.data(), tensor->bytes.data(), tensor->bytes.size());
  return out;
}

std::vector<float> bf16_values(const Safetensors& file, const std::string& name) {
  std::vector<float> out;
  for (const uint16_t code : values<uint16_t>(file, name)) out.push_back(bf16_to_f32(code));
  return out;
}

// Equal bits, or both NaN.
void expect_same(const std::vector<float>& seen, const std::vector<float>& expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (size_t i = 0; i < seen.size(); ++i) {
    if (std::isnan(expected[i]))
      ASSERT_TRUE(std::isnan(seen[i])) << i;
    else
      ASSERT_EQ(std::bit_cast<uint32_t>(seen[i]), std::bit_cast<uint32_t>(expected[i])) << i;
  }
}

template <typename Code>
void expect_table(const std::string& name, float (*decode)(Code), size_t count) {
  const Safetensors file = golden("tables");
  std::vector<float> seen(count);
  for (size_t code = 0; code < count; ++code) seen[code] = decode(static_cast<Code>(code));
  expect_same(seen, values<float>(file, name));
}

TEST(GoldenQuants, Tables) {
  HADAL_NEED_SHARED("golden/quants");
  expect_table<uint8_t>("e4m3fn", e4m3_to_f32, 256);
  expect_table<uint8_t>("e8m0", e8m0_to_f32, 256);
  expect_table<uint8_t>("e2m1", e2m1_to_f32, 16);
}

void expect_half_table(const std::string& type, float (*decode)(uint16_t)) {
  const Safetensors file = golden(type);
  const std::vector<uint8_t> blocks = values<uint8_t>(file, "blocks");
  std::vector<float> seen;
  for (size_t i = 0; i + 1 < blocks.size(); i += 2)
    seen.push_back(decode(static_cast<uint16_t>(blocks[i] | blocks[i + 1] << 8)));
  expect_same(seen, values<float>(file, "values"));
}

TEST(GoldenQuants, HalfTables) {
  HADAL_NEED_SHARED("golden/quants");
  expect_half_table("BF16", bf16_to_f32);
  expect_half_table("F16", f16_to_f32);
}

template <typename Code>
void expect_rounding(const std::string& name, Code (*encode)(float)) {
  const Safetensors file = golden("rounding");
  const std::vector<float> in = values<float>(file, name + "_in");
  const std::vector<Code> out = values<Code>(file, name + "_out");
  ASSERT_EQ(in.size(), out.size());
  for (size_t i = 0; i < in.size(); ++i) ASSERT_EQ(encode(in[i]), out[i]) << name << ' ' << in[i];
}

TEST(GoldenQuants, Rounding) {
  HADAL_NEED_SHARED("golden/quants");
  expect_rounding<uint8_t>("e4m3", f32_to_e4m3);
  expect_rounding<uint8_t>("e2m1", f32_to_e2m1);
  expect_rounding<uint16_t>("bf16", f32_to_bf16);
  expect_rounding<uint16_t>("f16", f32_to_f16);
}

TEST(GoldenQuants, Exponents) {
  HADAL_NEED_SHARED("golden/quants");
  const Safetensors file = golden("dsv4_blocks");
  const auto expect = [&](const std::string& name, int (*exponent)(float)) {
    const std::vector<float> amax = values<float>(file, name + ".amax");
    const std::vector<int16_t> e = values<int16_t>(file, name + ".e");
    ASSERT_EQ(amax.size(), e.size());
    for (size_t i = 0; i < e.size(); ++i) ASSERT_EQ(exponent(amax[i]), e[i]) << name << ' ' << amax[i];
  };
  expect("exp8", fp8_scale_exponent);
  expect("exp4", fp4_scale_exponent);
}

TEST(GoldenQuants, Act8) {
  HADAL_NEED_SHARED("golden/quants");
  const Safetensors file = golden("dsv4_blocks");
  const std::vector<float> x = bf16_values(file, "act8_128.x");
  std::vector<uint8_t> codes(x.size());
  std::vector<uint8_t> scales(x.size() / 128);
  for (size_t row = 0; row < x.size() / 1024; ++row)
    quantise_act8(&x[row * 1024], 1024, &codes[row * 1024], &scales[row * 8]);
  EXPECT_EQ(codes, values<uint8_t>(file, "act8_128.codes"));
  EXPECT_EQ(scales, values<uint8_t>(file, "act8_128.scale_bytes"));
}

// Sim8-64 as part of an entry: 448 values coded, 64 behind them kept in bf16.
TEST(GoldenQuants, KvEntries) {
  HADAL_NEED_SHARED("golden/quants");
  const Safetensors file = golden("dsv4_blocks");
  const std::vector<float> x = bf16_values(file, "sim8_64.x");
  const std::vector<uint8_t> codes = values<uint8_t>(file, "sim8_64.codes");
  const std::vector<uint8_t> scales = values<uint8_t>(file, "sim8_64.scale_bytes");
  const std::vector<float> dequant = bf16_values(file, "sim8_64.dequant");
  for (size_t row = 0; row < x.size() / 448; ++row) {
    std::vector<float> kv(&x[row * 448], &x[row * 448] + 448);
    kv.insert(kv.end(), kv.begin(), kv.begin() + 64);
    const KvRow form{KvForm::kFp8Rope, 512};
    std::vector<std::byte> entry(form.bytes());
    encode_kv_row(form, kv.data(), entry.data());
    ASSERT_EQ(std::memcmp(entry.data(), &codes[row * 448], 448), 0) << row;
    ASSERT_EQ(std::memcmp(&entry[448 + 128], &scales[row * 7], 7), 0) << row;
    std::vector<float> expected(&dequant[row * 448], &dequant[row * 448] + 448);
    expected.insert(expected.end(), kv.begin() + 448, kv.end());
    decode_kv_row(form, entry.data(), kv.data());
    expect_same(kv, expected);
  }
}

TEST(GoldenQuants, IndexKeys) {
  HADAL_NEED_SHARED("golden/quants");
  const Safetensors file = golden("dsv4_blocks");
  const std::vector<float> x = bf16_values(file, "sim4_32.x");
  const std::vector<uint8_t> packed = values<uint8_t>(file, "sim4_32.codes");
  const std::vector<uint8_t> scale_bytes = values<uint8_t>(file, "sim4_32.scale_bytes");
  const auto count = static_cast<int64_t>(x.size()) / kIndexKeyDim;
  const IndexKeyForm form;
  std::vector<std::byte> tiles(form.bytes(count));
  std::vector<float> seen(x.size());
  for (int64_t n = 0; n < count; ++n) {
    uint8_t codes[kIndexKeyDim];
    uint8_t scales[4];
    quantise_index_vector(&x[n * kIndexKeyDim], kIndexKeyDim, codes, scales);
    for (int64_t d = 0; d < kIndexKeyDim; d += 2)
      ASSERT_EQ(codes[d] | codes[d + 1] << 4, packed[(n * kIndexKeyDim + d) / 2]) << n << ' ' << d;
    ASSERT_EQ(std::memcmp(scales, &scale_bytes[n * 4], 4), 0) << n;
    encode_index_key(form, &x[n * kIndexKeyDim], n, tiles.data());
  }
  for (int64_t n = 0; n < count; ++n) decode_index_key(form, tiles.data(), n, &seen[n * kIndexKeyDim]);
  expect_same(seen, bf16_values(file, "sim4_32.dequant"));
}

TEST(GoldenQuants, Fp4Weights) {
  HADAL_NEED_SHARED("golden/quants");
  constexpr int64_t kRows = 256;
  constexpr int64_t kCols = 512;
  const Safetensors file = golden("fp4_weights");
  const std::vector<std::byte> packed = values<std::byte>(file, "packed");
  const std::vector<std::byte> scales = values<std::byte>(file, "scale_bytes");
  std::vector<float> decoded(kRows * kCols);
  std::vector<std::byte> mxfp4(kRows * kCols / 32 * 17);
  for (int64_t r = 0; r < kRows; ++r) {
    decode_fp4_row(&packed[r * kCols / 2], &scales[r * kCols / 32], kCols, &decoded[r * kCols]);
    fp4_row_to_mxfp4(&packed[r * kCols / 2], &scales[r * kCols / 32], kCols, &mxfp4[r * kCols / 32 * 17]);
  }
  expect_same(decoded, values<float>(file, "values"));
  EXPECT_EQ(mxfp4, values<std::byte>(file, "gguf_mxfp4"));
  std::vector<uint8_t> codes(kRows * kCols);
  std::vector<uint8_t> tile_scales(kRows / 128 * (kCols / 128));
  for (int64_t r = 0; r < kRows; r += 128)
    for (int64_t c = 0; c < kCols; c += 128)
      ASSERT_TRUE(fp4_tile_to_fp8(&packed[(r * kCols + c) / 2], kCols / 2, &scales[(r * kCols + c) / 32],
                                  kCols / 32, 128, 128, &codes[r * kCols + c], kCols,
                                  &tile_scales[r / 128 * (kCols / 128) + c / 128]));
  EXPECT_EQ(codes, values<uint8_t>(file, "fp8_codes"));
  EXPECT_EQ(tile_scales, values<uint8_t>(file, "fp8_scale_bytes"));
}

}  // namespace
}  // namespace hadal
