// Every code of the small formats comes back from its value; the rules of rounding by hand.
#include "quant/small_floats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hadal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(SmallFloats, CodesComeBack) {
  for (int code = 0; code < 256; ++code) {
    const float value = e4m3_to_f32(static_cast<uint8_t>(code));
    if ((code & 0x7F) == 0x7F)
      EXPECT_TRUE(std::isnan(value));
    else
      EXPECT_EQ(f32_to_e4m3(value), code);
  }
  for (int code = 0; code < 16; ++code) EXPECT_EQ(f32_to_e2m1(e2m1_to_f32(static_cast<uint8_t>(code))), code);
  for (int code = 0; code < 65536; ++code) {
    const float f16 = f16_to_f32(static_cast<uint16_t>(code));
    EXPECT_TRUE(std::isnan(f16) || f32_to_f16(f16) == code) << code;
    const float bf16 = bf16_to_f32(static_cast<uint16_t>(code));
    EXPECT_TRUE(std::isnan(bf16) || f32_to_bf16(bf16) == code) << code;
  }
}

TEST(SmallFloats, TiesGoToTheEvenCode) {
  const float ties[] = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
  const float rounded[] = {0, 1, 1, 2, 2, 4, 4};
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(e2m1_to_f32(f32_to_e2m1(ties[i])), rounded[i]) << ties[i];
    EXPECT_EQ(e2m1_to_f32(f32_to_e2m1(-ties[i])), -rounded[i]) << ties[i];
  }
  EXPECT_EQ(f32_to_e4m3(0x1p-10F), 0);
  EXPECT_EQ(f32_to_e4m3(0x1.8p-9F), 2);
  EXPECT_EQ(f32_to_bf16(0x1.01p0F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(0x1.03p0F), 0x3F82);
}

TEST(SmallFloats, Edges) {
  EXPECT_EQ(f32_to_e4m3(1e30F), 0x7E);
  EXPECT_EQ(f32_to_e4m3(-kInfinity), 0xFE);
  EXPECT_EQ(f32_to_e4m3(-0.0F), 0x80);
  EXPECT_EQ(f32_to_e2m1(-1e-30F), 8);
  EXPECT_EQ(f32_to_e2m1(kInfinity), 7);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
  EXPECT_EQ(f32_to_f16(-kInfinity), 0xFC00);
  EXPECT_EQ(e8m0_to_f32(0), 0x1p-127F);
  EXPECT_EQ(e8m0_to_f32(127), 1.0F);
  EXPECT_EQ(e8m0_to_f32(254), 0x1p127F);
  EXPECT_TRUE(std::isnan(e8m0_to_f32(255)));
}

TEST(SmallFloats, ScaleExponents) {
  EXPECT_EQ(fp8_scale_exponent(448), 0);
  EXPECT_EQ(fp8_scale_exponent(224), -1);
  EXPECT_EQ(fp8_scale_exponent(450), 1);
  EXPECT_EQ(fp8_scale_exponent(0), -22);
  EXPECT_EQ(fp4_scale_exponent(6), 0);
  EXPECT_EQ(fp4_scale_exponent(3), -1);
  EXPECT_EQ(fp4_scale_exponent(6.1F), 1);
  EXPECT_EQ(fp4_scale_exponent(0), -126);
}

}  // namespace
}  // namespace hadal
