// What the tests of the attention family share: every fast implementation against the reference loops, bit
// for bit.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "ops/device.h"
#include "ops/random_weight.h"
#include "ops/reference/official_ops.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

// Half the distance between neighbours of 1: the relative error of one rounding.
inline constexpr double kUnit = 0x1p-24;

// run(ops) -> a vector of results. Equal to the reference's on every fast instruction set, with 1, 2 and 3
// threads.
template <typename Run>
void expect_same_bits(Numerics numerics, Run run) {
  ReferenceOps reference(numerics);
  const auto expected = run(reference);
  for_each_fast_isa([&](Isa isa) {
    for (const int threads : {1, 2, 3}) {
      const auto ops = make_ops({numerics, isa, threads});
      const auto got = run(*ops);
      ASSERT_EQ(got.size(), expected.size());
      const bool same =
          got.empty() || std::memcmp(got.data(), expected.data(), got.size() * sizeof(got[0])) == 0;
      ASSERT_TRUE(same) << threads << " threads";
    }
  });
}

// Owns values behind a byte pointer, at an odd address.
template <typename T>
class OddBytes {
 public:
  explicit OddBytes(const std::vector<T>& values) : bytes_(values.size() * sizeof(T) + 1) {
    std::memcpy(bytes_.data() + 1, values.data(), values.size() * sizeof(T));
  }
  const std::byte* data() const { return bytes_.data() + 1; }

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<float> random_values(int64_t count, uint64_t seed, float deviation = 1.0f) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

inline Mat as_mat(std::vector<float>& values, int64_t rows) {
  const auto cols = static_cast<int64_t>(values.size()) / rows;
  return {values.data(), rows, cols, cols};
}

}  // namespace hadal
