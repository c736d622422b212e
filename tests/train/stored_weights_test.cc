// The rounding of weights in training against the codes that the export stores.
#include "train/stored_weights.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "quant/small_floats.h"

namespace hadal {
namespace {

// Every tie, every neighbour of one, zeros of both signs, the smallest and the largest values of a block.
std::vector<float> hard_values(float limit, int64_t count) {
  std::vector<float> values{0.0f, -0.0f, limit, -limit, 1e-30f, -1e-42f};
  std::mt19937 random(5);
  for (int exponent = -12; exponent < 10; ++exponent) {
    for (int sixteenth = 16; sixteenth < 32; ++sixteenth) {
      const float tie = std::ldexp(static_cast<float>(sixteenth) / 16.0f, exponent);
      for (const float x : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, 1e9f)}) {
        if (x <= limit) values.push_back(random() % 2 == 0 ? x : -x);
      }
    }
  }
  std::normal_distribution<float> normal(0, 0.02f);
  while (static_cast<int64_t>(values.size()) < count) values.push_back(normal(random));
  values.resize(static_cast<size_t>(count));
  std::shuffle(values.begin(), values.end(), random);
  return values;
}

TEST(StoredWeights, RoundAsTheirCodesAreRead) {
  constexpr int64_t kRows = 130, kColumns = 160;
  for (const ParameterRole role : {ParameterRole::kMatrix, ParameterRole::kExpert}) {
    const bool fp4 = role == ParameterRole::kExpert;
    for (const float scale : {1.0f, 3e-20f, 1e20f, 0.37f}) {
      Parameter p{"w", {kRows, kColumns}, role, DType::kBF16, 0, kRows * kColumns};
      std::vector<float> from = hard_values(fp4 ? 6.0f : 448.0f, p.size), got(from.size());
      for (float& x : from) x *= scale;
      round_as_stored(p, from.data(), StoreMode::kFp8Fp4, got.data());
      const StoredTensor stored = store_tensor(p, from.data(), StoreMode::kFp8Fp4);
      const std::vector<std::byte> scales = stored.scales.value_or(StoredTensor::Scales{}).bytes;
      ASSERT_FALSE(scales.empty());
      const int64_t tiles = (kColumns + 127) / 128;
      for (int64_t i = 0; i < p.size; ++i) {
        const int64_t row = i / kColumns, column = i % kColumns;
        const auto code = static_cast<uint8_t>(stored.bytes[static_cast<size_t>(fp4 ? i / 2 : i)]);
        const auto place = static_cast<size_t>(fp4 ? i / 32 : row / 128 * tiles + column / 128);
        const float unit = e8m0_to_f32(static_cast<uint8_t>(scales[place]));
        const float expected =
            (fp4 ? e2m1_to_f32(i % 2 == 0 ? code & 15 : code >> 4) : e4m3_to_f32(code)) * unit;
        ASSERT_EQ(std::bit_cast<uint32_t>(got[static_cast<size_t>(i)]), std::bit_cast<uint32_t>(expected))
            << from[static_cast<size_t>(i)] << " of block scale " << unit;
      }
    }
  }
}

}  // namespace
}  // namespace hadal
