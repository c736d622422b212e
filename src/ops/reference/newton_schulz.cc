#include "ops/reference/newton_schulz.h"

#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

void ReferenceBackward::newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) {
  const auto product = [](ConstMat a, ConstMat b, Mat c) {
    for (int64_t i = 0; i < c.rows; ++i)
      for (int64_t k = 0; k < a.cols; ++k)
        for (int64_t j = 0; j < c.cols; ++j) c.row(i)[j] = std::fma(a.row(i)[k], b.row(k)[j], c.row(i)[j]);
  };
  for (const Mat& matrix : matrices) newton_schulz_of(matrix, steps, product, sumsq16);
}

}  // namespace hadal
