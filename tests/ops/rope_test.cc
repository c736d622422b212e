// Rotations: rope and Hadamard against double, what they leave alone, and the same bits everywhere.
#include <bit>

#include "ops/op_check.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

RopeFrequencies window_frequencies() {
  RopeFrequencies f;
  for (int p = 0; p < 32; ++p) f.f[p] = static_cast<float>(std::pow(10000.0, -2.0 * p / 64));
  return f;
}

TEST(Rope, RotatesInterleavedPairsOfTheLastDims) {
  const RopeFrequencies f = window_frequencies();
  const int64_t positions[] = {0, 7, 1048575};
  std::vector<float> x = random_values(3 * 2 * 128, 1);
  const std::vector<float> before = x;
  ReferenceOps(Numerics::kFp32).rope(as_mat(x, 3), 128, positions, f, false);
  for (int64_t i = 0; i < 3 * 2 * 128; i += 2) {
    const int64_t dim = i % 128;
    if (dim < 64) {
      EXPECT_EQ(x[i], before[i]);
      EXPECT_EQ(x[i + 1], before[i + 1]);
      continue;
    }
    // The angle is an fp32 product; its cosine and sine are right to an ulp; then two roundings.
    const double angle = static_cast<float>(positions[i / 256]) * f.f[(dim - 64) / 2];
    const double re = before[i] * std::cos(angle) - before[i + 1] * std::sin(angle);
    const double im = before[i] * std::sin(angle) + before[i + 1] * std::cos(angle);
    const double bound = 4 * kUnit * (std::abs(before[i]) + std::abs(before[i + 1]));
    EXPECT_NEAR(x[i], re, bound);
    EXPECT_NEAR(x[i + 1], im, bound);
  }
}

TEST(Rope, InverseUndoes) {
  const int64_t positions[] = {12345};
  std::vector<float> x = random_values(64, 2);
  const std::vector<float> before = x;
  ReferenceOps ops(Numerics::kFp32);
  ops.rope(as_mat(x, 1), 64, positions, window_frequencies(), false);
  EXPECT_NE(x, before);
  ops.rope(as_mat(x, 1), 64, positions, window_frequencies(), true);
  for (int i = 0; i < 64; ++i)
    EXPECT_NEAR(x[i], before[i], 16 * kUnit * (std::abs(before[i & ~1]) + std::abs(before[i | 1])));
}

TEST(Hadamard, IsTheSylvesterMatrixInNaturalOrder) {
  std::vector<float> x = random_values(2 * 256, 3);
  const std::vector<float> before = x;
  ReferenceOps(Numerics::kFp32).hadamard(as_mat(x, 2));
  for (int block = 0; block < 4; ++block) {
    double magnitude = 0;
    for (int i = 0; i < 128; ++i) magnitude += std::abs(before[block * 128 + i]);
    for (unsigned a = 0; a < 128; ++a) {
      double sum = 0;
      for (unsigned b = 0; b < 128; ++b)
        sum += (std::popcount(a & b) % 2 ? -1.0 : 1.0) * before[block * 128 + b];
      EXPECT_NEAR(x[block * 128 + a], sum / std::sqrt(128.0), 9 * kUnit * magnitude / std::sqrt(128.0));
    }
  }
}

TEST(Rope, OfficialRoundsToBf16) {
  std::vector<float> x = random_values(128, 4);
  for (float& value : x) value = round_to_bf16(value);
  std::vector<float> y = x;
  const int64_t positions[] = {99};
  ReferenceOps reference(Numerics::kStored);
  OfficialOps official;
  reference.rope(as_mat(x, 1), 128, positions, window_frequencies(), false);
  official.rope(as_mat(y, 1), 128, positions, window_frequencies(), false);
  for (int i = 0; i < 128; ++i) EXPECT_EQ(y[i], round_to_bf16(x[i]));
  x = y;
  reference.hadamard(as_mat(x, 1));
  official.hadamard(as_mat(y, 1));
  for (int i = 0; i < 128; ++i) EXPECT_EQ(y[i], round_to_bf16(x[i]));
}

TEST(Rope, SameBitsEverywhere) {
  for (const int64_t head_dim : {64, 128, 192}) {
    for (const int64_t heads : {1, 3, 20}) {
      for (const int64_t rows : {0, 1, 5, 33}) {
        SCOPED_TRACE(testing::Message() << head_dim << " x " << heads << ", " << rows << " rows");
        std::vector<int64_t> positions;
        for (int64_t t = 0; t < rows; ++t) positions.push_back(t * t * 1003);
        expect_same_bits(Numerics::kNative, [&](Ops& ops) {
          RandomRows x(rows, heads * head_dim, 5), y(rows, heads * 128, 6);
          ops.rope(x.mat(), head_dim, positions, window_frequencies(), false);
          ops.rope(x.mat(), head_dim, positions, window_frequencies(), true);
          ops.hadamard(y.mat());
          std::vector<float> all = x.values();
          all.insert(all.end(), y.values().begin(), y.values().end());
          return all;
        });
      }
    }
  }
}

}  // namespace
}  // namespace hadal
