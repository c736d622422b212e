#include "engine/rng.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// The known answers that come with Random123.
TEST(Rng, PhiloxKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, ~uint64_t{0}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, ANumberDependsOnSeedPositionAndIdAlone) {
  TokenRandom forwards(7, 3);
  TokenRandom backwards(7, 3);
  std::vector<uint32_t> first;
  std::vector<uint32_t> second(100);
  for (int32_t id = 0; id < 100; ++id) first.push_back(forwards(id));
  for (int32_t id = 99; id >= 0; --id) second[id] = backwards(id);
  EXPECT_EQ(first, second);
  EXPECT_NE(TokenRandom(8, 3)(0), first[0]);
  EXPECT_NE(TokenRandom(7, 4)(0), first[0]);
  EXPECT_NE(TokenRandom(7, 3 + (int64_t{1} << 32))(0), first[0]);
  EXPECT_NE(TokenRandom(7 + (uint64_t{1} << 32), 3)(0), first[0]);
}

}  // namespace
}  // namespace hadal
