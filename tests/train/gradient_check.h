// One way to check the gradient of any piece of forward pass: the tape against finite differences in fp64.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "train/fp64_ops.h"
#include "train/tape_ops.h"

namespace hadal {

// Half the distance between neighbours of 1: the relative error of one rounding.
inline constexpr double kRounding = 0x1p-24;

class ReferenceForTest {
 public:
  BackwardOps& backward() { return *backward_; }

 private:
  std::unique_ptr<Ops> forward_ = make_ops({Numerics::kFp32, Isa::kReference, 1});
  std::unique_ptr<BackwardOps> backward_ = make_backward({Numerics::kFp32, Isa::kReference, 1}, *forward_);
};

// A piece of forward pass over memory of its own: activations, which ops may overwrite, and parameters.
class GradientCase {
 public:
  explicit GradientCase(uint64_t seed, int64_t activations = 1 << 16, int64_t parameters = 1 << 16)
      : activations_(activations), parameters_(parameters), random_(seed) {}

  // Memory for a result or an intermediate value.
  Mat scratch(int64_t rows, int64_t cols) { return take(activations_, used_activations_, rows, cols); }
  // An input: random values, and its gradient is checked.
  Mat input(int64_t rows, int64_t cols, float mean = 0, float spread = 1) {
    const Mat m = scratch(rows, cols);
    fill(m, mean, spread);
    checked_.push_back({m, false});
    return m;
  }
  const std::byte* parameter(int64_t count, float mean = 0, float spread = 1) {
    const Mat m = take(parameters_, used_parameters_, 1, count);
    fill(m, mean, spread);
    checked_.push_back({m, true});
    return reinterpret_cast<const std::byte*>(m.data);
  }
  Weight weight(int64_t out, int64_t in, float spread = 0.3f) {
    return {WeightFormat::kF32, ScaleFormat::kE8M0, out, in, parameter(out * in, 0, spread), nullptr};
  }
  NormWeight norm(int64_t size) { return {parameter(size, 1.0f, 0.2f), false, size}; }
  void fill(Mat m, float mean, float spread) {
    std::normal_distribution<float> normal(mean, spread);
    for (int64_t t = 0; t < m.rows; ++t)
      for (int64_t c = 0; c < m.cols; ++c) m.row(t)[c] = normal(random_);
  }

  Residual residual = Residual::kMhc;

  // The loss is sum of r * result with random r, over each of `results`. `chain` is the number of roundings
  // that a value may go through on its way: each gradient may differ by chain * 2^-24 of the largest of its
  // tensor.
  void check(const std::function<void(Ops&)>& body, const std::vector<Mat>& results, double chain,
             const DeviceOptions& device = {Numerics::kFp32, Isa::kReference, 1}) {
    const std::vector<float> activations(activations_.span().begin(), activations_.span().end());
    std::vector<Buffer> factors;
    for (const Mat& result : results) {
      factors.emplace_back(result.rows * result.cols);
      fill(factors.back().mat(result.rows, result.cols), 0, 1);
    }
    Buffer gradients(parameters_.size());
    const auto forward = make_ops(device);
    const auto backward = make_backward(device, *forward);
    TapeOps tape(*forward, *backward);
    tape.options.residual = residual;
    tape.cover(activations_.data(), activations_.size());
    tape.set_parameters(parameters_.data(), parameters_.size(), gradients.data());
    tape.begin_block();
    body(tape);
    for (size_t i = 0; i < results.size(); ++i) {
      const Mat d = tape.gradient(results[i]);
      for (int64_t t = 0; t < d.rows; ++t) std::copy_n(factors[i].data() + t * d.cols, d.cols, d.row(t));
    }
    tape.backward();

    std::copy(activations.begin(), activations.end(), activations_.data());
    Fp64Ops judge;
    judge.residual = residual;
    judge.cover(activations_.data(), activations_.size());
    judge.cover(parameters_.data(), parameters_.size());
    const auto loss_with = [&](const float* value, double change) {
      judge.load();
      *judge.at(value) += change;
      body(judge);
      double loss = 0;
      for (size_t i = 0; i < results.size(); ++i) {
        for (int64_t t = 0; t < results[i].rows; ++t)
          for (int64_t c = 0; c < results[i].cols; ++c)
            loss += factors[i].data()[t * results[i].cols + c] * judge.row(results[i], t)[c];
      }
      return loss;
    };
    for (const Checked& checked : checked_) {
      const Mat m = checked.values;
      std::vector<double> expected, got;
      for (int64_t t = 0; t < m.rows; ++t) {
        for (int64_t c = 0; c < m.cols; ++c) {
          constexpr double kStep = 1e-5;
          const float* const value = m.row(t) + c;
          expected.push_back((loss_with(value, kStep) - loss_with(value, -kStep)) / (2 * kStep));
          got.push_back(checked.parameter ? gradients.data()[value - parameters_.data()]
                                          : tape.gradient({value, 1, 1, 1}).data[0]);
        }
      }
      double largest = 0;
      for (const double g : expected) largest = std::max(largest, std::fabs(g));
      EXPECT_GT(largest, 0) << "this input changes nothing";
      // Differences of a loss of about 1 in fp64 with this step are good to 1e-9.
      const double tolerance = chain * kRounding * largest + 1e-8;
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], tolerance)
            << "value " << i << " of input " << &checked - checked_.data();
    }
  }

 private:
  struct Checked {
    Mat values;
    bool parameter;
  };
  static Mat take(const Buffer& from, int64_t& used, int64_t rows, int64_t cols) {
    const Mat m{from.data() + used, rows, cols, cols};
    used += (rows * cols + 15) / 16 * 16;
    CHECK(used <= from.size());
    return m;
  }

  Buffer activations_, parameters_;
  int64_t used_activations_ = 0, used_parameters_ = 0;
  std::mt19937_64 random_;
  std::vector<Checked> checked_;
};

}  // namespace hadal
