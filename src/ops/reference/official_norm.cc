// The per-head query norm as bf16 tensor operations do it: every step ends in bf16 (spec 3.2).
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/reference/lanes.h"
#include "ops/reference/official_ops.h"
#include "quant/small_floats.h"

namespace hadal {

void OfficialOps::head_rms_norm(Mat q, int64_t head_dim, float eps) {
  CHECK(q.cols % head_dim == 0);
  std::vector<float> squares(head_dim);
  for (int64_t t = 0; t < q.rows; ++t) {
    for (int64_t first = 0; first < q.cols; first += head_dim) {
      float* const head = q.row(t) + first;
      for (int64_t i = 0; i < head_dim; ++i) squares[i] = round_to_bf16(head[i] * head[i]);
      const float mean = round_to_bf16(sum16(squares.data(), head_dim) / static_cast<float>(head_dim));
      const float r = round_to_bf16(1.0f / std::sqrt(round_to_bf16(mean + eps)));
      for (int64_t i = 0; i < head_dim; ++i) head[i] = round_to_bf16(head[i] * r);
    }
  }
}

}  // namespace hadal
