// Norms: double-precision formulas with derived bounds, the official rounding points, and the same bits
// everywhere.
#include "ops/op_check.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

double exact_inverse_rms(const float* x, int64_t n, double eps) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  return 1 / std::sqrt(squares / static_cast<double>(n) + eps);
}

// All terms are positive: n/16 + 4 roundings of the sum count half after the root, then six more.
double relative_error(int64_t n) { return (static_cast<double>(n) / 32 + 8) * kUnit; }

TEST(Norm, MatchesDouble) {
  for (const int64_t n : {1, 7, 64, 1000}) {
    std::vector<float> x = random_values(2 * n, n), w = random_values(n, n + 1), out(2 * n);
    const OddBytes<float> weight(w);
    ReferenceOps(Numerics::kFp32).rms_norm(as_mat(x, 2), {weight.data(), false, n}, 1e-6f, as_mat(out, 2));
    for (int64_t i = 0; i < 2 * n; ++i) {
      const double exact = w[i % n] * x[i] * exact_inverse_rms(x.data() + i / n * n, n, 1e-6);
      EXPECT_NEAR(out[i], exact, std::abs(exact) * relative_error(n));
    }
  }
}

TEST(Norm, PerHeadMatchesDouble) {
  std::vector<float> q = random_values(2 * 3 * 128, 1);
  const std::vector<float> before = q;
  ReferenceOps(Numerics::kFp32).head_rms_norm(as_mat(q, 2), 128, 1e-6f);
  for (size_t i = 0; i < q.size(); ++i) {
    const double exact = before[i] * exact_inverse_rms(before.data() + i / 128 * 128, 128, 1e-6);
    EXPECT_NEAR(q[i], exact, std::abs(exact) * relative_error(128));
  }
}

TEST(Norm, ZerosStayZeros) {
  std::vector<float> x(64);
  ReferenceOps(Numerics::kFp32).head_rms_norm(as_mat(x, 1), 64, 1e-6f);
  EXPECT_EQ(x, std::vector<float>(64));
}

TEST(Norm, OfficialRoundsAfterTheWeight) {
  std::vector<float> x = random_values(96, 2), w = random_values(96, 3), fp32(96), official(96);
  const OddBytes<float> weight(w);
  ReferenceOps(Numerics::kStored).rms_norm(as_mat(x, 1), {weight.data(), false, 96}, 1e-6f, as_mat(fp32, 1));
  OfficialOps().rms_norm(as_mat(x, 1), {weight.data(), false, 96}, 1e-6f, as_mat(official, 1));
  for (int i = 0; i < 96; ++i) EXPECT_EQ(official[i], round_to_bf16(fp32[i]));
}

TEST(Norm, OfficialHeadsRoundAtEveryStep) {
  // 64 times 1.0078125: the square 1.01568603515625 rounds to 1.015625 in bf16, the mean stays there and its
  // reciprocal root 0.99227... rounds to 0.9921875; the product 0.99993896484375 rounds to 1.
  std::vector<float> q(64, 1.0078125f);
  OfficialOps().head_rms_norm(as_mat(q, 1), 64, 1e-6f);
  EXPECT_EQ(q, std::vector<float>(64, 1.0f));
  // 63 ones and a three: the mean 72/64 = 1.125, its root's reciprocal 0.942809 -> 0.94140625.
  std::vector<float> mixed(64, 1.0f);
  mixed[5] = 3.0f;
  OfficialOps().head_rms_norm(as_mat(mixed, 1), 64, 1e-6f);
  EXPECT_EQ(mixed[0], 0.94140625f);
  EXPECT_EQ(mixed[5], round_to_bf16(3 * 0.94140625f));
}

TEST(Norm, SameBitsEverywhere) {
  for (const int64_t n : {1, 15, 16, 31, 64, 513, 2048}) {
    std::vector<float> w = random_values(n, n);
    std::vector<uint16_t> w16(n);
    for (int64_t i = 0; i < n; ++i) w16[i] = f32_to_bf16(w[i]);
    const OddBytes<float> f32(w);
    const OddBytes<uint16_t> bf16(w16);
    for (const int64_t rows : {0, 1, 3, 40}) {
      SCOPED_TRACE(testing::Message() << n << " wide, " << rows << " rows");
      expect_same_bits(Numerics::kFp32, [&](Ops& ops) {
        RandomRows x(rows, n, 1), out(rows, n, 2), heads(rows, 3 * n, 3);
        ops.rms_norm(x.mat(), {f32.data(), false, n}, 1e-6f, out.mat());
        ops.rms_norm(x.mat(), {bf16.data(), true, n}, 1e-6f, x.mat());
        ops.head_rms_norm(heads.mat(), n, 1e-6f);
        std::vector<float> all = x.values();
        all.insert(all.end(), out.values().begin(), out.values().end());
        all.insert(all.end(), heads.values().begin(), heads.values().end());
        return all;
      });
    }
  }
}

}  // namespace
}  // namespace hadal
