// The products: the reference loops against their definition, and every fast version against the reference,
// bit for bit, over formats, shapes with tails, numbers of inputs and threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/cpu/linear_kernels.h"
#include "ops/reference/lanes.h"
#include "random_weight.h"

namespace hadal {
namespace {

struct Shape {
  int64_t out, in;
};

std::vector<Shape> shapes_for(Stored stored) {
  if (stored == Stored::kFp4)
    return {{0, 32}, {1, 32}, {3, 96}, {16, 128}, {130, 160}, {33, 2048}, {7, 8192}};
  return {{0, 16}, {1, 1}, {3, 17}, {16, 16}, {130, 129}, {257, 300}, {5, 640}, {33, 2048}, {6, 20000}};
}

using Product = void (*)(Ops& ops, ConstMat x, const Weight& w, Mat out);

void expect_same(const char* what, Product product, Numerics numerics, Stored stored, Shape shape,
                 int64_t tokens, int64_t x_cols, uint64_t seed = 1, int lowest_scale = 118,
                 int highest_scale = 124) {
  const RandomWeight weight(stored, shape.out, shape.in, seed, lowest_scale, highest_scale);
  RandomRows x(tokens, x_cols, seed + 1);
  RandomRows expected(tokens, shape.out, seed + 2);
  const std::unique_ptr<Ops> reference = make_ops({.numerics = numerics});
  product(*reference, x.mat(), weight.weight(), expected.mat());
  for_each_fast_isa([&](Isa isa) {
    for (const int threads : {1, 2, 3}) {
      RandomRows out(tokens, shape.out, seed + 2);
      const std::unique_ptr<Ops> ops = make_ops({.numerics = numerics, .isa = isa, .threads = threads});
      product(*ops, x.mat(), weight.weight(), out.mat());
      EXPECT_TRUE(same_bits(expected.values(), out.values()))
          << what << " " << stored_name(stored) << " [" << shape.out << ", " << shape.in << "] with "
          << tokens << " inputs on " << threads << " threads";
    }
  });
}

void call_linear(Ops& ops, ConstMat x, const Weight& w, Mat out) { ops.linear(x, w, out); }
void call_linear_fp32(Ops& ops, ConstMat x, const Weight& w, Mat out) { ops.linear_fp32(x, w, out); }
void call_linear_grouped(Ops& ops, ConstMat x, const Weight& w, Mat out) { ops.linear_grouped(x, w, 3, out); }

constexpr Stored kAllStored[] = {Stored::kF32,          Stored::kBF16, Stored::kFp8,
                                 Stored::kFp8F32Scales, Stored::kFp4,  Stored::kFp8Tiles32};

TEST(Linear, FastVersionsGiveTheBitsOfTheReference) {
  for (const Stored stored : kAllStored) {
    for (const Shape shape : shapes_for(stored)) {
      for (const int64_t tokens : {0, 1, 2, 3, 4, 5, 6, 7, 13})
        expect_same("linear", call_linear, Numerics::kStored, stored, shape, tokens, shape.in);
    }
  }
}

TEST(Linear, NativeGivesTheBitsOfTheReference) {
  for (const Stored stored : {Stored::kFp4, Stored::kFp8}) {
    for (const Shape shape : shapes_for(stored)) {
      for (const int64_t tokens : {0, 1, 2, 3, 4, 5, 6, 9, 17})
        expect_same("native linear", call_linear, Numerics::kNative, stored, shape, tokens, shape.in);
    }
  }
}

TEST(Linear, Fp32StaysFp32InNative) {
  for (const int64_t tokens : {1, 5})
    expect_same("linear_fp32", call_linear_fp32, Numerics::kNative, Stored::kFp4, {40, 256}, tokens, 256);
}

TEST(Linear, GroupsCutRowsAndInputs) {
  for (const Stored stored : kAllStored) {
    for (const Shape shape : {Shape{3, 32}, Shape{96, 64}, Shape{201, 160}}) {
      for (const int64_t tokens : {1, 2, 8})
        expect_same("linear_grouped", call_linear_grouped, Numerics::kFp32, stored, shape, tokens,
                    3 * shape.in);
    }
  }
}

// Where scales cannot move into the inputs, and where products leave the normal range.
TEST(Linear, ExtremeScalesGiveTheBitsOfTheReference) {
  for (const Stored stored : {Stored::kFp8, Stored::kFp4}) {
    for (const auto& [low, high] :
         {std::pair{0, 4}, std::pair{8, 12}, std::pair{100, 160}, std::pair{236, 250}}) {
      for (const int64_t tokens : {1, 2, 6}) {
        for (const Numerics numerics : {Numerics::kStored, Numerics::kNative})
          expect_same("linear", call_linear, numerics, stored, {140, 288}, tokens, 288, 5, low, high);
      }
    }
  }
}

// Both ways through FP8 codes, whichever this CPU would choose.
TEST(Linear, EveryFp8DecoderGivesTheBitsOfTheReference) {
  for (const auto& [low, high] : {std::pair{118, 124}, std::pair{0, 6}, std::pair{120, 140}}) {
    const RandomWeight weight(Stored::kFp8, 150, 300, 11, low, high);
    RandomRows x(2, 300, 12);
    RandomRows expected(2, 150, 13);
    make_ops({.numerics = Numerics::kStored})->linear(x.mat(), weight.weight(), expected.mat());
    for_each_fast_isa([&](Isa isa) {
      for (const bool fast_subnormals : {false, true}) {
        const LinearKernels& kernels = isa == Isa::kAvx512 ? linear_kernels_avx512(fast_subnormals)
                                                           : linear_kernels_avx2(fast_subnormals);
        RandomRows out(2, 150, 13);
        const float* const inputs[] = {x.mat().row(0), x.mat().row(1)};
        float* const outputs[] = {out.mat().row(0), out.mat().row(1)};
        Buffer scratch(product_scratch_floats(300));
        kernels.products({.weight = &weight.weight(),
                          .last = 150,
                          .tokens = 2,
                          .x = inputs,
                          .out = outputs,
                          .scratch = scratch.data()});
        EXPECT_TRUE(same_bits(expected.values(), out.values())) << fast_subnormals << " " << low;
      }
    });
  }
}

TEST(Linear, NativeTakesInputsThatInt8CannotScale) {
  const RandomWeight weight(Stored::kFp4, 4, 64, 3);
  for (const float value : {0.0f, 1e-39f, -3e-38f, 1e38f}) {
    std::vector<float> x(64, value);
    std::vector<float> expected(4);
    make_ops({.numerics = Numerics::kNative})
        ->linear({x.data(), 1, 64, 64}, weight.weight(), {expected.data(), 1, 4, 4});
    for (const float y : expected) EXPECT_TRUE(std::isfinite(y));
    for_each_fast_isa([&](Isa isa) {
      std::vector<float> out(4);
      make_ops({.numerics = Numerics::kNative, .isa = isa})
          ->linear({x.data(), 1, 64, 64}, weight.weight(), {out.data(), 1, 4, 4});
      EXPECT_TRUE(same_bits(expected, out)) << value;
    });
  }
}

// ---- the reference against its definition

TEST(LinearReference, SumsInSixteenLanesAndATree) {
  // Lane 0 takes 2^24, then two ones that it cannot see; in another order they would count.
  std::vector<float> a(48, 0.0f);
  const std::vector<float> ones(48, 1.0f);
  a[0] = 16777216.0f;
  a[16] = 1.0f;
  a[32] = 1.0f;
  EXPECT_EQ(dot16(a.data(), ones.data(), 48), 16777216.0f);
  std::swap(a[16], a[1]);
  std::swap(a[32], a[9]);  // lanes 1 and 9 meet first and are 2 together
  EXPECT_EQ(dot16(a.data(), ones.data(), 48), 16777218.0f);
}

TEST(LinearReference, DecodesEveryFormat) {
  for (const Stored stored : kAllStored) {
    const RandomWeight weight(stored, 130, 192, 9);
    const Weight& w = weight.weight();
    std::vector<float> row(192);
    decode_weight_row(w, 129, row.data());
    // Column 160: the second row of tiles, the second tile or sixth block.
    const std::byte* const code = w.data + 129 * w.row_bytes() + 160 * w.row_bytes() / 192;
    float value = 0;
    if (stored == Stored::kF32) value = load_as<float>(code);
    if (stored == Stored::kBF16) {
      value = std::bit_cast<float>(static_cast<uint32_t>(load_as<uint16_t>(code)) << 16);
    }
    const auto byte = static_cast<unsigned>(*code);
    const float sign = (byte & 0x80) != 0 ? -1.0f : 1.0f;
    const int exponent = static_cast<int>(byte >> 3 & 15);
    const float fraction = static_cast<float>(byte & 7) / 8;
    const float e4m3 =
        sign * (exponent == 0 ? std::ldexp(fraction, -6) : std::ldexp(1 + fraction, exponent - 7));
    if (stored == Stored::kFp8) value = e4m3 * std::ldexp(1.0f, static_cast<int>(w.scales[2 + 1]) - 127);
    if (stored == Stored::kFp8Tiles32)
      value = e4m3 * std::ldexp(1.0f, static_cast<int>(w.scales[4 * 6 + 5]) - 127);
    if (stored == Stored::kFp8F32Scales) value = e4m3 * load_as<float>(w.scales + 12);
    if (stored == Stored::kFp4) {
      const float magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
      value = magnitudes[byte & 7] * ((byte & 8) != 0 ? -1.0f : 1.0f);
      value *= std::ldexp(1.0f, static_cast<int>(w.scales[129 * 6 + 5]) - 127);
    }
    EXPECT_EQ(row[160], value) << stored_name(stored);
  }
}

TEST(LinearReference, NativeQuantisesPer32) {
  // One row of ones (code 2, scale 2^0). The largest input of a block is 127 steps, the rest rounds to a
  // step.
  std::vector<std::byte> bytes(32 + 2, std::byte{0x22});
  bytes[32] = bytes[33] = std::byte{127};
  Weight w{
      .format = WeightFormat::kFp4, .out = 1, .in = 64, .data = bytes.data(), .scales = bytes.data() + 32};
  std::vector<float> x(64, 0.0f);
  x[0] = 127.0f;
  x[1] = 1.4f;   // one step
  x[40] = 1.4f;  // the largest of its own block: exact
  float y = 0;
  make_ops({.numerics = Numerics::kNative})->linear({x.data(), 1, 64, 64}, w, {&y, 1, 1, 1});
  EXPECT_FLOAT_EQ(y, 128.0f + 1.4f);
  make_ops({.numerics = Numerics::kStored})->linear({x.data(), 1, 64, 64}, w, {&y, 1, 1, 1});
  EXPECT_FLOAT_EQ(y, 128.4f + 1.4f);
}

TEST(OfficialLinear, QuantisesInputsAndRoundsResults) {
  // One FP8 row of ones: 1.03 becomes 1 in e4m3 beside 448; 449 is 448 in bf16's steps of 2.
  std::vector<std::byte> bytes(129, std::byte{0x38});
  bytes[128] = std::byte{127};
  Weight w{
      .format = WeightFormat::kFp8, .out = 1, .in = 128, .data = bytes.data(), .scales = bytes.data() + 128};
  std::vector<float> x(128, 0.0f);
  x[0] = 448.0f;
  x[1] = 1.03f;
  float y = 0;
  const std::unique_ptr<Ops> ops = make_ops({.numerics = Numerics::kOfficial});
  ops->linear({x.data(), 1, 128, 128}, w, {&y, 1, 1, 1});
  EXPECT_EQ(y, 448.0f);
  ops->linear_grouped({x.data(), 1, 128, 128}, w, 1, {&y, 1, 1, 1});
  EXPECT_EQ(y, 450.0f);  // 449.03 in fp32, rounded once
  ops->linear_fp32({x.data(), 1, 128, 128}, w, {&y, 1, 1, 1});
  EXPECT_FLOAT_EQ(y, 449.03f);
}

}  // namespace
}  // namespace hadal
