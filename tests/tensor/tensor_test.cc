// Names and sizes of element types, views, and the owner of aligned memory.
#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace hadal {
namespace {

TEST(DTypes, EveryNameReadsBack) {
  for (int i = 0; i <= static_cast<int>(DType::kF8E8M0); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype) << i;
  }
  EXPECT_EQ(dtype_from_name("f32"), std::nullopt);
  EXPECT_EQ(dtype_from_name(""), std::nullopt);
}

TEST(DTypes, Bytes) {
  EXPECT_EQ(dtype_bytes(DType::kF8E4M3), 1U);
  EXPECT_EQ(dtype_bytes(DType::kBF16), 2U);
  EXPECT_EQ(dtype_bytes(DType::kF32), 4U);
  EXPECT_EQ(dtype_bytes(DType::kI64), 8U);
}

TEST(Tensors, ElementsOfAnyAlignment) {
  EXPECT_EQ((Tensor{DType::kF32, {}, {}}.elements()), 1);
  EXPECT_EQ((Tensor{DType::kF32, {3, 0, 2}, {}}.elements()), 0);
  std::array<std::byte, 7> bytes{};
  const float value = 1.5F;
  std::memcpy(bytes.data() + 3, &value, sizeof value);
  EXPECT_EQ(load_as<float>(bytes.data() + 3), 1.5F);
}

TEST(Mats, SlicesKeepTheStride) {
  const Buffer buffer(12);
  for (int i = 0; i < 12; ++i) buffer.data()[i] = static_cast<float>(i);
  const Mat narrow{buffer.data() + 1, 3, 2, 4};
  const ConstMat last = narrow.slice(1, 2);
  EXPECT_EQ(last.rows, 2);
  EXPECT_EQ(last.row(1)[1], 10.F);
}

TEST(Buffers, AreAlignedAndZero) {
  const Buffer buffer(1001);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0U);
  for (const float v : buffer.span()) ASSERT_EQ(v, 0.F);
  EXPECT_EQ(Buffer(0).size(), 0);
}

TEST(BuffersDeathTest, MoreThanTheyHold) { EXPECT_DEATH(Buffer(5).mat(2, 3), ""); }

}  // namespace
}  // namespace hadal
