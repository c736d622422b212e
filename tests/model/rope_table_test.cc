#include "model/rope_table.h"

#include <gtest/gtest.h>

#include <utility>

namespace hadal {
namespace {

TEST(RopeTable, HasTheValuesOfTheSpecification) {
  const RopeFrequencies yarn = yarn_frequencies(160000, RopeScaling{});
  const std::pair<int, float> printed[] = {
      {0, 1.0f},          {1, 6.876560e-1f},  {8, 5.0e-2f},       {15, 3.635539e-3f}, {16, 2.265625e-3f},
      {17, 1.396801e-3f}, {18, 8.496897e-4f}, {19, 5.080820e-4f}, {20, 2.969778e-4f}, {21, 1.681800e-4f},
      {22, 9.086784e-5f}, {23, 4.544424e-5f}, {24, 1.953125e-5f}, {25, 5.372313e-6f}, {31, 5.680529e-7f}};
  for (const auto& [p, f] : printed) EXPECT_NEAR(yarn.f[p] / f, 1.0f, 3e-7f) << p;

  const RopeFrequencies plain = rope_frequencies(10000);
  EXPECT_EQ(plain.f[0], 1.0f);
  EXPECT_NEAR(plain.f[8], 0.1f, 1e-8f);
  EXPECT_NEAR(plain.f[16], 0.01f, 1e-9f);
  EXPECT_NEAR(plain.f[24], 0.001f, 1e-10f);
}

// torch's 1 / 50000 ** (arange(0, 48, 2) / 48) in fp32: where 2p/48 is no fraction of fp32, its rounding
// moves the angle of a late position by more than all other rounding.
TEST(RopeTable, RoundsTheExponentAsTheReferenceDoes) {
  const RopeFrequencies table = rope_frequencies(50000, 48);
  const std::pair<int, float> printed[] = {{1, 0x1.463258p-1f},   {2, 0x1.9fa446p-2f},  {5, 0x1.adf0a6p-4f},
                                           {7, 0x1.5d0682p-5f},   {11, 0x1.cc0772p-8f}, {17, 0x1.ec3962p-12f},
                                           {22, 0x1.9d5562p-15f}, {23, 0x1.07560ap-15f}};
  for (const auto& [p, f] : printed) EXPECT_EQ(table.f[p], f) << p;
}

TEST(RopeTable, SurvivesARampOfNoWidth) {
  RopeScaling yarn;
  yarn.original_max_position_embeddings = 6;  // no pair turns once: the ramp is at pair 0
  const RopeFrequencies table = yarn_frequencies(10000, yarn);
  for (int p = 1; p < 32; ++p) EXPECT_NEAR(table.f[p] * 16 / rope_frequencies(10000).f[p], 1.0f, 1e-6f);
}

}  // namespace
}  // namespace hadal
