#include "ops/reference/newton_schulz.h"

#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {
namespace {

struct PlainProducts {
  static void product(ConstMat a, ConstMat b, Mat c) {
    for (int64_t i = 0; i < c.rows; ++i)
      for (int64_t k = 0; k < a.cols; ++k)
        for (int64_t j = 0; j < c.cols; ++j) c.row(i)[j] = std::fma(a.row(i)[k], b.row(k)[j], c.row(i)[j]);
  }
  static void symmetric(ConstMat a, ConstMat b, Mat c) { product(a, b, c); }
  static void combine(float b, const float* x, float c, float* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = std::fma(c, y[i], b * x[i]);
  }
  static float sumsq(const float* x, int64_t n) { return sumsq16(x, n); }
};

}  // namespace

void ReferenceBackward::newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) {
  Buffer memory;
  for (const Mat& matrix : matrices) newton_schulz_of(matrix, steps, PlainProducts(), memory);
}

}  // namespace hadal
