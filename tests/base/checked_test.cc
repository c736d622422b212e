// Sizes from files overflow into "not ok", never into a small number.
#include "base/checked.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace hadal {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

TEST(CheckedSize, ReckonsWhatFits) {
  EXPECT_EQ((CheckedSize(3) * 4 + 5).value(), 17U);
  EXPECT_EQ((CheckedSize(kMost - 1) + 1).value(), kMost);
  EXPECT_EQ((CheckedSize(uint64_t{1} << 32) * ((uint64_t{1} << 32) - 1)).value(), kMost - 0xFFFFFFFF);
}

TEST(CheckedSize, AnOverflowStays) {
  EXPECT_FALSE((CheckedSize(kMost) + 1).ok());
  EXPECT_FALSE((CheckedSize(uint64_t{1} << 32) * (uint64_t{1} << 32)).ok());
  EXPECT_FALSE((CheckedSize(kMost) * 2 * 0).ok());
  EXPECT_FALSE((CheckedSize(0) + CheckedSize(kMost) * 2).ok());
}

TEST(CheckedSize, Aligns) {
  EXPECT_EQ(CheckedSize(0).aligned(32).value(), 0U);
  EXPECT_EQ(CheckedSize(1).aligned(32).value(), 32U);
  EXPECT_EQ(CheckedSize(64).aligned(32).value(), 64U);
  EXPECT_EQ(CheckedSize(65).aligned(3).value(), 66U);
  EXPECT_FALSE(CheckedSize(kMost).aligned(32).ok());
}

TEST(CheckedSize, AtMost) {
  EXPECT_TRUE(CheckedSize(5).at_most(5));
  EXPECT_FALSE(CheckedSize(6).at_most(5));
  EXPECT_FALSE((CheckedSize(kMost) + 1).at_most(kMost));
}

TEST(CheckedSizeDeathTest, AnOverflowHasNoValue) { EXPECT_DEATH((CheckedSize(kMost) + 1).value(), ""); }

}  // namespace
}  // namespace hadal
