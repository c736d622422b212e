// Newton-Schulz iterations over any product of matrices; shared by the reference and the fast version.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ops/backward.h"

namespace hadal {

// product(a, b, c): c [m,n] += a [m,k] * b [k,n], each element by a chain over k in ascending order. sumsq(x,
// n) is sumsq16 of ops.h.
template <typename Product, typename SumSquares>
void newton_schulz_of(Mat matrix, std::span<const BackwardOps::NewtonSchulz> steps, Product product,
                      SumSquares sumsq) {
  const bool turned = matrix.rows > matrix.cols;
  const int64_t r = std::min(matrix.rows, matrix.cols);
  const int64_t c = std::max(matrix.rows, matrix.cols);
  Buffer memory(3 * r * c + 2 * r * r);
  Mat x{memory.data(), r, c, c}, next{x.data + r * c, r, c, c};
  const Mat transposed{next.data + r * c, c, r, r};
  const Mat gram{transposed.data + r * c, r, r, r}, square{gram.data + r * r, r, r, r};
  const auto turn = [](ConstMat from, Mat to) {
    for (int64_t i = 0; i < from.rows; ++i)
      for (int64_t j = 0; j < from.cols; ++j) to.row(j)[i] = from.row(i)[j];
  };
  const float length = std::sqrt(sumsq(matrix.data, r * c)) + 1e-20f;
  for (int64_t i = 0; i < r * c; ++i) matrix.data[i] /= length;
  if (turned) {
    turn(matrix, x);
  } else {
    std::copy_n(matrix.data, r * c, x.data);
  }
  for (const BackwardOps::NewtonSchulz& step : steps) {
    turn(x, transposed);
    std::fill_n(gram.data, 2 * r * r, 0.0f);
    product(x, transposed, gram);
    product(gram, gram, square);
    for (int64_t i = 0; i < r * r; ++i)
      square.data[i] = std::fma(step.c, square.data[i], step.b * gram.data[i]);
    for (int64_t i = 0; i < r * c; ++i) next.data[i] = step.a * x.data[i];
    product(square, x, next);
    std::swap(x, next);
  }
  if (turned) {
    turn(x, matrix);
  } else {
    std::copy_n(x.data, r * c, matrix.data);
  }
}

}  // namespace hadal
