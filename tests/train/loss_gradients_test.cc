// The losses and their gradients, called as the tape calls them, against fp64.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "train/gradient_check.h"

namespace hadal {
namespace {

std::vector<float> normals(int64_t count, uint64_t seed, float spread = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = normal(random);
  return values;
}

Mat as_mat(std::vector<float>& values, int64_t rows) {
  const auto cols = static_cast<int64_t>(values.size()) / rows;
  return {values.data(), rows, cols, cols};
}

// |got - expected| <= chain roundings of the largest expected.
void expect_close(const std::vector<float>& got, const std::vector<double>& expected, double chain) {
  double largest = 0;
  for (const double e : expected) largest = std::max(largest, std::fabs(e));
  ASSERT_GT(largest, 0);
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], chain * kRounding * largest + 1e-9) << i;
}

template <typename Loss>
std::vector<double> differences(std::vector<double>& at, Loss loss) {
  std::vector<double> result;
  for (double& value : at) {
    const double kept = value;
    value = kept + 1e-5;
    const double above = loss();
    value = kept - 1e-5;
    const double below = loss();
    value = kept;
    result.push_back((above - below) / 2e-5);
  }
  return result;
}

TEST(LossGradients, CrossEntropy) {
  std::vector<float> logits = normals(4 * 23, 1, 3.0f);
  const std::vector<int32_t> targets{5, -1, 0, 22};
  const std::vector<float> weights{0.5f, 0.25f, 1.0f, 0.25f};
  ReferenceForTest ops;
  std::vector<float> losses(4), gradients(logits.size());
  ops.backward().cross_entropy(as_mat(logits, 4), targets, weights, losses, as_mat(gradients, 4));

  std::vector<double> exact(logits.begin(), logits.end());
  const auto loss_of = [&](int64_t t) {
    double sum = 0;
    for (int64_t v = 0; v < 23; ++v) sum += std::exp(exact[t * 23 + v]);
    return std::log(sum) - exact[t * 23 + targets[t]];
  };
  const auto loss = [&] {
    double all = 0;
    for (int64_t t = 0; t < 4; ++t) all += targets[t] < 0 ? 0 : weights[t] * loss_of(t);
    return all;
  };
  EXPECT_EQ(losses[1], 0);
  for (const int64_t t : {0, 2, 3}) EXPECT_NEAR(losses[t], loss_of(t), 32 * kRounding * 10);
  expect_close(gradients, differences(exact, loss), 23 + 8);
}

TEST(LossGradients, IndexKl) {
  constexpr int64_t kTokens = 3, kHeads = 4, kKeys = 6;
  std::vector<float> q = normals(kTokens * kHeads * kIndexDim, 2), w = normals(kTokens * kHeads, 3),
                     keys = normals(kKeys * kIndexDim, 4);
  const std::vector<int64_t> begin{0, 2, 2, 6};  // the second token sees nothing
  const std::vector<int32_t> rows{1, 3, 0, 2, 4, 5};
  const std::vector<float> target{0.25f, 0.75f, 0.1f, 0.0f, 0.3f, 0.6f};
  const float scale = 0.02f, weight = 0.7f;
  ReferenceForTest ops;
  std::vector<float> d_q(q.size()), d_w(w.size()), d_keys(keys.size());
  const double kl = ops.backward().index_kl(
      as_mat(q, kTokens), as_mat(w, kTokens), scale, as_mat(keys, kKeys), {begin.data(), rows.data()},
      target.data(), weight, as_mat(d_q, kTokens), as_mat(d_w, kTokens), as_mat(d_keys, kKeys));

  std::vector<double> xq(q.begin(), q.end()), xw(w.begin(), w.end()), xk(keys.begin(), keys.end());
  const auto loss = [&] {
    double all = 0;
    for (int64_t t = 0; t < kTokens; ++t) {
      std::vector<double> scores;
      double sum = 0;
      for (int64_t i = begin[t]; i < begin[t + 1]; ++i) {
        double score = 0;
        for (int64_t h = 0; h < kHeads; ++h) {
          double qk = 0;
          for (int64_t c = 0; c < kIndexDim; ++c)
            qk += xq[(t * kHeads + h) * kIndexDim + c] * xk[rows[i] * kIndexDim + c];
          score += xw[t * kHeads + h] * scale * std::max(qk, 0.0);
        }
        scores.push_back(score);
        sum += std::exp(score);
      }
      for (size_t i = 0; i < scores.size(); ++i) {
        const double p = target[begin[t] + static_cast<int64_t>(i)];
        if (p > 0) all += p * (std::log(p) - scores[i] + std::log(sum));
      }
    }
    return weight * all;
  };
  const double chain = 128 + 6 + 4 + 16;
  EXPECT_NEAR(kl * weight, loss(), chain * kRounding * 4);
  expect_close(d_q, differences(xq, loss), chain);
  expect_close(d_w, differences(xw, loss), chain);
  expect_close(d_keys, differences(xk, loss), chain);
}

}  // namespace
}  // namespace hadal
