// Rotary positions: interleaved pairs of the last 64 dimensions of each head, as plain loops.
#include <cmath>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
                        bool inverse) {
  CHECK(head_dim >= kRopeDims && x.cols % head_dim == 0 && static_cast<int64_t>(positions.size()) == x.rows);
  for (int64_t t = 0; t < x.rows; ++t) {
    const auto position = static_cast<float>(positions[t]);
    for (int64_t p = 0; p < kRopeDims / 2; ++p) {
      SinCos angle = sincos_f32(position * f.f[p]);
      if (inverse) angle.sin = -angle.sin;
      for (int64_t end = head_dim; end <= x.cols; end += head_dim) {
        float* const pair = x.row(t) + end - kRopeDims + 2 * p;
        const float re = pair[0];
        const float im = pair[1];
        pair[0] = std::fma(-im, angle.sin, re * angle.cos);
        pair[1] = std::fma(im, angle.cos, re * angle.sin);
      }
    }
  }
  round_activations(x);
}

}  // namespace hadal
