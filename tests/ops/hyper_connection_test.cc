// The streams: the spec's Sinkhorn vector, double-precision formulas with derived bounds, and the same bits
// everywhere.
#include "ops/reference/hyper_connection.h"

#include "ops/op_check.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

// One site with random parameters; `rows` is 24, or 4 for the head.
struct Site {
  Site(int64_t rows, int64_t d, uint64_t seed)
      : fn(random_values(rows * 4 * d, seed, 0.05f)),
        base(random_values(rows, seed + 1)),
        scale({0.7f, -0.4f, 1.3f}),
        fn_bytes(fn),
        base_bytes(base),
        scale_bytes(scale) {
    params.fn = {.out = rows, .in = 4 * d, .data = fn_bytes.data()};
    params.base = base_bytes.data();
    params.scale = scale_bytes.data();
  }
  std::vector<float> fn, base, scale;
  OddBytes<float> fn_bytes, base_bytes, scale_bytes;
  HcParams params;
};

// The formulas of spec 3.1 in double, and how far fp32 may be away.
struct Exact {
  std::vector<double> gates;  // pre 4, post 4, comb 16 (the head: pre 4)
  double error = 0;           // of any gate
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void exact_sinkhorn(double* c, int iterations) {
  for (int j = 0; j < 4; ++j) {
    double sum = 0;
    for (int k = 0; k < 4; ++k) sum += c[4 * j + k] = std::exp(c[4 * j + k]);
    for (int k = 0; k < 4; ++k) c[4 * j + k] = c[4 * j + k] / sum + 1e-6;
  }
  const auto divide = [&](int first, int step) {
    const double sum = c[first] + c[first + step] + c[first + 2 * step] + c[first + 3 * step] + 1e-6;
    for (int i = 0; i < 4; ++i) c[first + i * step] /= sum;
  };
  for (int iteration = 0; iteration < iterations; ++iteration) {
    for (int j = 0; j < 4 && iteration > 0; ++j) divide(4 * j, 1);
    for (int k = 0; k < 4; ++k) divide(k, 4);
  }
}

Exact exact_gates(const float* z, const Site& site) {
  const int64_t n = site.params.fn.in;
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(z[i]) * z[i];
  const double rho = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-6);
  Exact exact;
  for (int64_t row = 0; row < site.params.fn.out; ++row) {
    double g = 0;
    double magnitude = 0;
    for (int64_t i = 0; i < n; ++i) {
      g += static_cast<double>(site.fn[row * n + i]) * z[i];
      magnitude += std::abs(static_cast<double>(site.fn[row * n + i]) * z[i]);
    }
    const double scale = site.scale[row < 4 ? 0 : row < 8 ? 1 : 2];
    exact.gates.push_back(g * rho * scale + site.base[row]);
    // Each lane rounds n/16 times, the tree 4 times; rho has as many roundings again; exp and the rest a few.
    const double roundings = static_cast<double>(n) / 16 + 4;
    exact.error =
        std::max(exact.error, (2 * roundings + 16) * kUnit * (magnitude * rho * std::abs(scale) + 1));
  }
  double* const gates = exact.gates.data();
  for (int j = 0; j < 4; ++j) gates[j] = sigmoid(gates[j]) + 1e-6;
  if (site.params.fn.out == 4) return exact;
  for (int k = 4; k < 8; ++k) gates[k] = 2 * sigmoid(gates[k]);
  exact_sinkhorn(gates + 8, 20);
  // Scaling rows and columns cannot enlarge a relative error of the entries by more than 4; 40 passes of 5
  // roundings.
  exact.error = 4 * exact.error + 200 * kUnit;
  return exact;
}

TEST(HyperConnection, SinkhornMatchesTheSpec) {
  float c[16] = {2, 0, -1, .5f, 0, 1, 0, -.5f, -1, 0, 3, 0, .25f, -.25f, .75f, 1.25f};
  const float expected[16] = {.656934f, .128633f, .016940f, .197493f, .159542f, .627453f, .082628f, .130376f,
                              .027122f, .106664f, .766884f, .099329f, .156401f, .137249f, .133548f, .572801f};
  sinkhorn(c, 20, 1e-6f);
  for (int i = 0; i < 16; ++i) EXPECT_NEAR(c[i], expected[i], 1e-6f) << i;
  for (int k = 0; k < 4; ++k) EXPECT_NEAR(c[k] + c[4 + k] + c[8 + k] + c[12 + k], 0.999999f, 3e-7f);
}

TEST(HyperConnection, ExpandCopiesTheRow) {
  std::vector<float> x = random_values(6, 1);
  std::vector<float> streams(24);
  ReferenceOps(Numerics::kFp32).hc_expand(as_mat(x, 2), 4, as_mat(streams, 2));
  for (int i = 0; i < 24; ++i) EXPECT_EQ(streams[i], x[i / 12 * 3 + i % 3]);
}

TEST(HyperConnection, GatesAndMixMatchDouble) {
  const int64_t d = 200;
  const Site site(24, d, 2);
  std::vector<float> streams = random_values(3 * 4 * d, 3);
  std::vector<float> u(3 * d), post(12), comb(48);
  ReferenceOps(Numerics::kFp32)
      .hc_pre(as_mat(streams, 3), site.params, {}, as_mat(u, 3), as_mat(post, 3), as_mat(comb, 3));
  for (int t = 0; t < 3; ++t) {
    const float* const x = streams.data() + t * 4 * d;
    const Exact exact = exact_gates(x, site);
    for (int k = 0; k < 4; ++k) EXPECT_NEAR(post[4 * t + k], exact.gates[4 + k], exact.error);
    for (int i = 0; i < 16; ++i) EXPECT_NEAR(comb[16 * t + i], exact.gates[8 + i], exact.error);
    for (int64_t c = 0; c < d; ++c) {
      double sum = 0;
      double magnitude = 0;
      for (int64_t j = 0; j < 4; ++j) {
        sum += exact.gates[j] * x[j * d + c];
        magnitude += std::abs(x[j * d + c]);
      }
      EXPECT_NEAR(u[t * d + c], sum, magnitude * (exact.error + 4 * kUnit));
    }
  }
}

TEST(HyperConnection, PostMixesTransposed) {
  const int64_t d = 37;
  std::vector<float> streams = random_values(4 * d, 4);
  std::vector<float> y = random_values(d, 5), post = random_values(4, 6), comb = random_values(16, 7);
  const std::vector<float> before = streams;
  ReferenceOps(Numerics::kFp32).hc_post(as_mat(streams, 1), as_mat(y, 1), as_mat(post, 1), as_mat(comb, 1));
  for (int64_t k = 0; k < 4; ++k) {
    for (int64_t c = 0; c < d; ++c) {
      double sum = static_cast<double>(post[k]) * y[c];
      double magnitude = std::abs(sum);
      for (int64_t j = 0; j < 4; ++j) {
        const double term = static_cast<double>(comb[4 * j + k]) * before[j * d + c];
        sum += term;
        magnitude += std::abs(term);
      }
      EXPECT_NEAR(streams[k * d + c], sum, 5 * kUnit * magnitude);
    }
  }
}

TEST(HyperConnection, HeadMatchesDouble) {
  const int64_t d = 64;
  const Site site(4, d, 8);
  std::vector<float> streams = random_values(4 * d, 9);
  std::vector<float> u(d);
  ReferenceOps(Numerics::kFp32).hc_head(as_mat(streams, 1), site.params, {}, as_mat(u, 1));
  const Exact exact = exact_gates(streams.data(), site);
  for (int64_t c = 0; c < d; ++c) {
    double sum = 0;
    double magnitude = 0;
    for (int64_t j = 0; j < 4; ++j) {
      sum += exact.gates[j] * streams[j * d + c];
      magnitude += std::abs(streams[j * d + c]);
    }
    EXPECT_NEAR(u[c], sum, magnitude * (exact.error + 4 * kUnit));
  }
}

TEST(HyperConnection, OfficialRoundsOnce) {
  const int64_t d = 64;
  const Site site(24, d, 10);
  std::vector<float> streams = random_values(4 * d, 11);
  std::vector<float> y = random_values(d, 12);
  std::vector<float> u[2], out[2];
  ReferenceOps reference(Numerics::kStored);
  OfficialOps official;
  Ops* const both[] = {&reference, &official};
  for (int i = 0; i < 2; ++i) {
    std::vector<float> post(4), comb(16);
    u[i].resize(d);
    out[i] = streams;
    both[i]->hc_pre(as_mat(out[i], 1), site.params, {}, as_mat(u[i], 1), as_mat(post, 1), as_mat(comb, 1));
    both[i]->hc_post(as_mat(out[i], 1), as_mat(y, 1), as_mat(post, 1), as_mat(comb, 1));
  }
  // Another order of the sums may move a value over the middle between two bf16 numbers, not further.
  const auto expect_rounded = [](float official_value, float fp32) {
    EXPECT_EQ(official_value, round_to_bf16(official_value));
    EXPECT_NEAR(official_value, fp32, std::abs(fp32) * 0x1.01p-8);
  };
  for (int64_t c = 0; c < d; ++c) expect_rounded(u[1][c], u[0][c]);
  for (int64_t c = 0; c < 4 * d; ++c) expect_rounded(out[1][c], out[0][c]);
}

TEST(HyperConnection, SameBitsEverywhere) {
  for (const int64_t d : {1, 15, 16, 37, 128, 1000}) {
    const Site site(24, d, d);
    const Site head(4, d, d + 50);
    for (const int64_t tokens : {0, 1, 2, 5, 17, 70}) {
      SCOPED_TRACE(testing::Message() << d << " wide, " << tokens << " tokens");
      expect_same_bits(Numerics::kStored, [&](Ops& ops) {
        RandomRows streams(tokens, 4 * d, 13), y(tokens, d, 14), u(tokens, d, 15), h(tokens, d, 16);
        RandomRows post(tokens, 4, 17), comb(tokens, 16, 18);
        ops.hc_pre(streams.mat(), site.params, {}, u.mat(), post.mat(), comb.mat());
        ops.hc_post(streams.mat(), y.mat(), post.mat(), comb.mat());
        ops.hc_head(streams.mat(), head.params, {}, h.mat());
        ops.hc_expand(y.mat(), 4, streams.mat());
        std::vector<float> all = u.values();
        for (RandomRows* const rows : {&h, &post, &comb, &streams})
          all.insert(all.end(), rows->values().begin(), rows->values().end());
        return all;
      });
    }
  }
}

}  // namespace
}  // namespace hadal
