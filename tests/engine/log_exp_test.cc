#include "engine/log_exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace hadal {
namespace {

TEST(LogExp, ExpIsAccurate) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> wide(-699, 0);
  std::uniform_real_distribution<double> narrow(-3, 0);
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? wide(random) : narrow(random);
    const long double truth = std::exp(static_cast<long double>(x));
    ASSERT_LT(std::abs(static_cast<double>((exp_nonpositive(x) - truth) / truth)), 4e-16) << x;
  }
  EXPECT_EQ(exp_nonpositive(0), 1);
  EXPECT_EQ(exp_nonpositive(-0.0), 1);
  EXPECT_EQ(exp_nonpositive(-700.1), 0);
  EXPECT_EQ(exp_nonpositive(-1e300), 0);
  EXPECT_EQ(exp_nonpositive(-std::numeric_limits<double>::infinity()), 0);
}

TEST(LogExp, LogIsAccurate) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-300, 300);
  std::uniform_real_distribution<double> near_one(-0.01, 0.01);
  for (int i = 0; i < 200000; ++i) {
    const double x = i % 2 == 0 ? std::exp(exponent(random)) : 1 + near_one(random);
    const long double truth = std::log(static_cast<long double>(x));
    ASSERT_LE(std::abs(static_cast<double>(log_positive(x) - truth)),
              1e-15 * std::abs(static_cast<double>(truth)))
        << x;
  }
  EXPECT_EQ(log_positive(1), 0);
}

// The bits are part of the promise that a run repeats everywhere. The number comes from the same steps in
// Python.
TEST(LogExp, BitsAreFixed) {
  uint64_t hash = 14695981039346656037u;
  const auto mix = [&](double value) { hash = (hash ^ std::bit_cast<uint64_t>(value)) * 1099511628211u; };
  for (int i = 0; i < 10000; ++i) {
    mix(exp_nonpositive(-i * 0.0717));
    mix(log_positive((i + 0.5) * 0x1p-13));
  }
  EXPECT_EQ(hash, 0xcc335760ddd59a85u);
}

}  // namespace
}  // namespace hadal
