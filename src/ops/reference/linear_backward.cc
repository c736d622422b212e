// Gradients of the products with a weight matrix and of the embedding, as plain loops.
#include <cmath>

#include "base/check.h"
#include "ops/reference/backward_values.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

void ReferenceBackward::linear(ConstMat x, const Weight& w, ConstMat d_out, Mat d_x, float* d_w) {
  linear_grouped(x, w, 1, d_out, d_x, d_w);
}

void ReferenceBackward::linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                                       float* d_w) {
  const float* const weights = f32_weights(w);
  CHECK(groups > 0 && w.out % groups == 0);
  CHECK(d_out.rows == x.rows && d_out.cols == w.out && x.cols == groups * w.in);
  const int64_t group_rows = w.out / groups;
  for (int64_t t = 0; t < d_out.rows; ++t) {
    for (int64_t o = 0; o < w.out; ++o) {
      const float d = d_out.row(t)[o];
      const int64_t first = o / group_rows * w.in;
      if (d_x.data != nullptr) {
        float* const to = d_x.row(t) + first;
        for (int64_t i = 0; i < w.in; ++i) to[i] = std::fma(d, weights[o * w.in + i], to[i]);
      }
      if (d_w != nullptr) {
        float* const to = d_w + o * w.in;
        for (int64_t i = 0; i < w.in; ++i) to[i] = std::fma(d, x.row(t)[first + i], to[i]);
      }
    }
  }
}

void ReferenceBackward::embed(std::span<const int32_t> ids, ConstMat d_out, Mat d_table) {
  CHECK(static_cast<int64_t>(ids.size()) == d_out.rows && d_table.cols == d_out.cols);
  for (int64_t t = 0; t < d_out.rows; ++t) {
    float* const to = d_table.row(ids[t]);
    for (int64_t i = 0; i < d_out.cols; ++i) to[i] += d_out.row(t)[i];
  }
}

}  // namespace hadal
