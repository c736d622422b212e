// The Hadamard rotation of 128 values that precedes the FP4 indexer keys and queries, as plain loops.
#include "ops/reference/hadamard.h"

#include "base/check.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void hadamard_128(float* x) {
  for (int64_t h = 1; h < kIndexDim; h *= 2) {
    for (int64_t i = 0; i < kIndexDim; ++i) {
      if ((i & h) != 0) continue;
      const float a = x[i];
      const float b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
  for (int64_t i = 0; i < kIndexDim; ++i) x[i] *= kHadamardScale;
}

void ReferenceOps::hadamard(Mat x) {
  CHECK(x.cols % kIndexDim == 0);
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t first = 0; first < x.cols; first += kIndexDim) hadamard_128(x.row(t) + first);
  round_activations(x);
}

}  // namespace hadal
