// Newton-Schulz iterations over any product of matrices; shared by the reference and the fast version.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ops/backward.h"

namespace hadal {

// to <- from turned, a square of values at a time.
inline void turn(ConstMat from, Mat to) {
  constexpr int64_t kSquare = 16;
  for (int64_t r = 0; r < from.rows; r += kSquare) {
    const int64_t rows = std::min(kSquare, from.rows - r);
    for (int64_t c = 0; c < from.cols; c += kSquare) {
      const int64_t cols = std::min(kSquare, from.cols - c);
      for (int64_t j = 0; j < cols; ++j)
        for (int64_t i = 0; i < rows; ++i) to.row(c + j)[r + i] = from.row(r + i)[c + j];
    }
  }
}

// Products offers, with c += a * b and each element by a chain in ascending order:
//   product(a, b, c); symmetric(a, b, c), the same where c is symmetric, which may leave out what lies above
//   the diagonal; combine(b, x, c, y, n): y[i] = fma(c, y[i], b * x[i]); sumsq(x, n): sumsq16 of ops.h.
// `memory` grows to what the largest matrix needs.
template <typename Products>
void newton_schulz_of(Mat matrix, std::span<const BackwardOps::NewtonSchulz> steps, const Products& products,
                      Buffer& memory) {
  const bool turned = matrix.rows > matrix.cols;
  const int64_t r = std::min(matrix.rows, matrix.cols);
  const int64_t c = std::max(matrix.rows, matrix.cols);
  if (memory.size() < 3 * r * c + 2 * r * r) memory = Buffer(3 * r * c + 2 * r * r);
  Mat x{memory.data(), r, c, c}, next{x.data + r * c, r, c, c};
  const Mat transposed{next.data + r * c, c, r, r};
  const Mat gram{transposed.data + r * c, r, r, r}, square{gram.data + r * r, r, r, r};
  // What lies below the diagonal goes above it, too: both products are symmetric to the bit.
  const auto mirror = [](Mat m) {
    for (int64_t i = 0; i < m.rows; ++i)
      for (int64_t j = i + 1; j < m.cols; ++j) m.row(i)[j] = m.row(j)[i];
  };
  const float length = std::sqrt(products.sumsq(matrix.data, r * c)) + 1e-20f;
  for (int64_t i = 0; i < r * c; ++i) matrix.data[i] /= length;
  if (turned) {
    turn(matrix, x);
  } else {
    std::copy_n(matrix.data, r * c, x.data);
  }
  for (const BackwardOps::NewtonSchulz& step : steps) {
    turn(x, transposed);
    std::fill_n(gram.data, 2 * r * r, 0.0f);
    products.symmetric(x, transposed, gram);
    mirror(gram);
    products.symmetric(gram, gram, square);
    mirror(square);
    products.combine(step.b, gram.data, step.c, square.data, r * r);
    for (int64_t i = 0; i < r * c; ++i) next.data[i] = step.a * x.data[i];
    products.product(square, x, next);
    std::swap(x, next);
  }
  if (turned) {
    turn(x, matrix);
  } else {
    std::copy_n(x.data, r * c, matrix.data);
  }
}

}  // namespace hadal
