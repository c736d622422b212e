// The experts and their router: the reference against the formulas, the fast versions against the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/cpu/linear_kernels.h"
#include "ops/reference/swiglu.h"
#include "random_weight.h"

namespace hadal {
namespace {

struct Experts {
  Experts(Stored routed, Stored shared_stored, int64_t count, int64_t d, int64_t hidden,
          int64_t shared_hidden) {
    for (int64_t e = 0; e <= count; ++e) {
      const Stored stored = e < count ? routed : shared_stored;
      const int64_t h = e < count ? hidden : shared_hidden;
      const auto seed = static_cast<uint64_t>(10 * e);
      for (int part = 0; part < 3; ++part) {
        const bool down = part == 1;
        owned.push_back(std::make_unique<RandomWeight>(stored, down ? d : h, down ? h : d, seed + part));
      }
      const auto w = [&](size_t part) { return owned[owned.size() - 3 + part]->weight(); };
      const ExpertWeights expert{w(0), w(1), w(2)};
      if (e < count) {
        experts.push_back(expert);
      } else {
        shared = expert;
      }
    }
  }
  std::vector<std::unique_ptr<RandomWeight>> owned;
  std::vector<ExpertWeights> experts;
  ExpertWeights shared;
};

struct Routing {
  Routing(int64_t tokens, int64_t top_k, int64_t experts) {
    std::mt19937_64 random(7);
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<int32_t> row(static_cast<size_t>(experts));
      for (int64_t e = 0; e < experts; ++e) row[e] = static_cast<int32_t>(e);
      std::shuffle(row.begin(), row.end(), random);
      std::sort(row.begin(), row.begin() + top_k);
      ids.insert(ids.end(), row.begin(), row.begin() + top_k);
      for (int64_t i = 0; i < top_k; ++i)
        weights.push_back(std::uniform_real_distribution<float>(0, 1)(random));
    }
  }
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

struct MoeCase {
  Stored routed, shared;
  int64_t experts, top_k, d, hidden, shared_hidden;
};

void expect_same(const MoeCase& c, Numerics numerics, float limit) {
  const Experts experts(c.routed, c.shared, c.experts, c.d, c.hidden, c.shared_hidden);
  for (const int64_t tokens : {0, 1, 2, 5, 40}) {
    const Routing routing(tokens, c.top_k, c.experts);
    RandomRows x(tokens, c.d, 3);
    RandomRows expected(tokens, c.d, 4);
    make_ops({.numerics = numerics})
        ->moe(x.mat(), routing.ids.data(), routing.weights.data(), c.top_k, experts.experts, experts.shared,
              limit, expected.mat());
    for_each_fast_isa([&](Isa isa) {
      for (const int threads : {1, 2, 3}) {
        RandomRows out(tokens, c.d, 4);
        make_ops({.numerics = numerics, .isa = isa, .threads = threads})
            ->moe(x.mat(), routing.ids.data(), routing.weights.data(), c.top_k, experts.experts,
                  experts.shared, limit, out.mat());
        EXPECT_TRUE(same_bits(expected.values(), out.values()))
            << stored_name(c.routed) << " d " << c.d << " hidden " << c.hidden << ", " << tokens
            << " tokens on " << threads << " threads";
      }
    });
  }
}

TEST(Moe, FastVersionsGiveTheBitsOfTheReference) {
  expect_same({Stored::kBF16, Stored::kBF16, 5, 2, 67, 45, 45}, Numerics::kFp32, 2.0f);
  expect_same({Stored::kF32, Stored::kF32, 1, 1, 16, 1, 3}, Numerics::kStored, 0.0f);
  expect_same({Stored::kFp8F32Scales, Stored::kFp8F32Scales, 4, 3, 160, 130, 130}, Numerics::kStored, 2.0f);
  expect_same({Stored::kFp4, Stored::kFp8, 8, 3, 192, 96, 160}, Numerics::kStored, 2.0f);
  expect_same({Stored::kFp4, Stored::kFp8, 8, 3, 192, 96, 160}, Numerics::kNative, 2.0f);
  expect_same({Stored::kFp4, Stored::kFp8, 6, 6, 256, 544, 128}, Numerics::kNative, 0.0f);
  expect_same({Stored::kFp4, Stored::kFp4, 2, 1, 32, 32, 64}, Numerics::kNative, 0.5f);
}

TEST(Moe, AnExpertNamedTwiceCountsTwice) {
  const Experts experts(Stored::kBF16, Stored::kBF16, 3, 32, 16, 16);
  RandomRows x(1, 32, 1);
  const std::vector<int32_t> ids{1, 1};
  const std::vector<float> weights{0.25f, 0.5f};
  RandomRows expected(1, 32, 2);
  make_ops({})->moe(x.mat(), ids.data(), weights.data(), 2, experts.experts, experts.shared, 0,
                    expected.mat());
  for_each_fast_isa([&](Isa isa) {
    RandomRows out(1, 32, 2);
    make_ops({.isa = isa})
        ->moe(x.mat(), ids.data(), weights.data(), 2, experts.experts, experts.shared, 0, out.mat());
    EXPECT_TRUE(same_bits(expected.values(), out.values()));
  });
}

TEST(Moe, FollowsTheFormula) {
  const Experts experts(Stored::kF32, Stored::kF32, 3, 32, 16, 16);
  RandomRows x(1, 32, 1);
  const std::vector<int32_t> ids{0, 2};
  const std::vector<float> weights{0.25f, 0.5f};
  RandomRows out(1, 32, 2);
  make_ops({.numerics = Numerics::kFp32})
      ->moe(x.mat(), ids.data(), weights.data(), 2, experts.experts, experts.shared, 1.5f, out.mat());
  const auto at = [](const Weight& w, int64_t o, int64_t k) -> double {
    return load_as<float>(w.data + (o * w.in + k) * 4);
  };
  const float* const in = x.mat().row(0);
  std::vector<double> expected(32, 0.0);
  for (const auto& [expert, weight] : {std::pair{experts.experts[0], 0.25},
                                       std::pair{experts.experts[2], 0.5}, std::pair{experts.shared, 1.0}}) {
    for (int64_t h = 0; h < 16; ++h) {
      double g = 0;
      double u = 0;
      for (int64_t k = 0; k < 32; ++k) {
        g += at(expert.w1, h, k) * in[k];
        u += at(expert.w3, h, k) * in[k];
      }
      g = std::min(g, 1.5);
      u = std::clamp(u, -1.5, 1.5);
      const double a = g / (1 + std::exp(-g)) * u * weight;
      for (int64_t o = 0; o < 32; ++o) expected[o] += at(expert.w2, o, h) * a;
    }
  }
  for (int64_t o = 0; o < 32; ++o) EXPECT_NEAR(out.values()[o], expected[o], 1e-5) << o;
}

TEST(Moe, SwigluGivesTheBitsOfTheReference) {
  std::vector<float> g;
  for (float value = -120.0f; value < 120.0f; value += 0.37f) g.push_back(value);
  for (const float value : {0.0f, -0.0f, 1e-40f, -1e-40f, 87.4f, -88.5f, 3e38f, -3e38f}) g.push_back(value);
  std::vector<float> u(g.rbegin(), g.rend());
  std::vector<float> expected(g.size());
  for (const float limit : {0.0f, 10.0f}) {
    for (size_t i = 0; i < g.size(); ++i) expected[i] = swiglu(g[i], u[i], limit) * 0.3f;
    for_each_fast_isa([&](Isa isa) {
      const LinearKernels& kernels =
          isa == Isa::kAvx512 ? linear_kernels_avx512(false) : linear_kernels_avx2(false);
      std::vector<float> out(g.size());
      kernels.swiglu(g.data(), u.data(), static_cast<int64_t>(g.size()), limit, 0.3f, out.data());
      EXPECT_TRUE(same_bits(expected, out)) << limit;
    });
  }
}

TEST(MoeRoute, ScoresPickTheLargestBiasedAndWeighByTheScore) {
  const std::vector<float> logits{-3.0f, 0.0f, 1.5f, 4.0f};
  const std::vector<float> bias{2.0f, 0.0f, 0.0f, -5.0f};
  const Ops::RouteParams params{
      .bias = reinterpret_cast<const std::byte*>(bias.data()), .top_k = 2, .routed_scale = 1.5f};
  std::vector<int32_t> ids(2);
  std::vector<float> weights(2);
  const std::vector<int32_t> token{0};
  make_ops({})->moe_route({logits.data(), 1, 4, 4}, params, token, ids.data(), weights.data());
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 2}));
  EXPECT_NEAR(weights[0], 1.5 * 0.220425 / (0.220425 + 1.304382), 1e-6);
  EXPECT_NEAR(weights[1], 1.5 * 1.304382 / (0.220425 + 1.304382), 1e-6);
}

TEST(MoeRoute, TiesTakeTheLowestIds) {
  const std::vector<float> logits(5, 0.25f);
  const std::vector<float> bias(5, 0.0f);
  const Ops::RouteParams params{.bias = reinterpret_cast<const std::byte*>(bias.data()), .top_k = 3};
  std::vector<int32_t> ids(3);
  std::vector<float> weights(3);
  const std::vector<int32_t> token{0};
  make_ops({})->moe_route({logits.data(), 1, 5, 5}, params, token, ids.data(), weights.data());
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 1, 2}));
}

TEST(MoeRoute, HashTakesTheTokensOwnExperts) {
  const std::vector<float> logits{1.0f, -40.0f, -90.0f, 1.0f, -40.0f, -90.0f};
  const std::vector<int64_t> table{0, 1, 2, 1};  // token 0: 0, 1; token 1: 2, 1
  const Ops::RouteParams params{.tid2eid = reinterpret_cast<const std::byte*>(table.data()), .top_k = 2};
  std::vector<int32_t> ids(4);
  std::vector<float> weights(4);
  const std::vector<int32_t> tokens{1, 0};
  make_ops({})->moe_route({logits.data(), 2, 3, 3}, params, tokens, ids.data(), weights.data());
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 2, 0, 1}));
  // sqrt(e^-40) and sqrt(softplus(-90)) = 0: tiny scores still add up to one.
  EXPECT_NEAR(weights[0] + weights[1], 1.0, 1e-6);
  EXPECT_GT(weights[2], 0.99f);
}

}  // namespace
}  // namespace hadal
