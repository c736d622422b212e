// Rotary positions: pairs of the last or the first values of each head, as plain loops.
#include <cmath>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
                        bool inverse) {
  CHECK(head_dim >= f.dims && x.cols % head_dim == 0 && static_cast<int64_t>(positions.size()) == x.rows);
  const bool halves = f.layout == RopeLayout::kFirstHalves;
  const int64_t first = halves ? 0 : head_dim - f.dims;
  const int64_t step = halves ? 1 : 2;            // from one pair to the next
  const int64_t apart = halves ? f.dims / 2 : 1;  // its two values
  for (int64_t t = 0; t < x.rows; ++t) {
    const auto position = static_cast<float>(positions[t]);
    for (int64_t p = 0; p < f.dims / 2; ++p) {
      SinCos angle = sincos_f32(position * f.f[p]);
      if (inverse) angle.sin = -angle.sin;
      for (int64_t head = 0; head < x.cols; head += head_dim) {
        float* const pair = x.row(t) + head + first + step * p;
        const float re = pair[0];
        const float im = pair[apart];
        pair[0] = std::fma(-im, angle.sin, re * angle.cos);
        pair[apart] = std::fma(im, angle.cos, re * angle.sin);
      }
    }
  }
  round_activations(x);
}

}  // namespace hadal
