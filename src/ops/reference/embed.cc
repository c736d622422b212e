// embed and add: rows of the embedding table, and the sum of two activations.
#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::embed(const Weight& table, std::span<const int32_t> ids, Mat out) {
  CHECK(static_cast<int64_t>(ids.size()) == out.rows && table.in == out.cols);
  for (int64_t t = 0; t < out.rows; ++t) {
    CHECK(ids[t] >= 0 && ids[t] < table.out);
    decode_weight_row(table, ids[t], out.row(t));
  }
}

void ReferenceOps::add(Mat x, ConstMat y) {
  CHECK(x.rows == y.rows && x.cols == y.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t i = 0; i < x.cols; ++i) x.row(t)[i] += y.row(t)[i];
  }
}

}  // namespace hadal
