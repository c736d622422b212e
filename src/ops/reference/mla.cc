// Multi-head latent attention in its absorbed form (V3, V3.2): the two halves of kv_b around
// sparse_attention, as plain loops. Queries meet the latents themselves, so that a chunk and a single token
// compute the same.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::mla_absorb(ConstMat q, const Weight& w, int64_t nope, int64_t rope, Mat out) {
  const int64_t heads = q.cols / (nope + rope);
  const int64_t per_head = w.out / heads;
  CHECK(q.rows == out.rows && out.cols == heads * (w.in + rope) && per_head > nope);
  std::vector<float> row(w.in);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t t = 0; t < q.rows; ++t) std::fill_n(out.row(t) + h * (w.in + rope), w.in, 0.0f);
    for (int64_t i = 0; i < nope; ++i) {
      decode_weight_row(w, h * per_head + i, row.data());
      for (int64_t t = 0; t < q.rows; ++t) {
        const float value = q.row(t)[h * (nope + rope) + i];
        float* const to = out.row(t) + h * (w.in + rope);
        for (int64_t c = 0; c < w.in; ++c) to[c] = std::fma(value, row[c], to[c]);
      }
    }
    for (int64_t t = 0; t < q.rows; ++t)
      std::copy_n(q.row(t) + h * (nope + rope) + nope, rope, out.row(t) + h * (w.in + rope) + w.in);
  }
}

void ReferenceOps::mla_values(ConstMat o, const Weight& w, int64_t nope, int64_t rope, Mat out) {
  const int64_t heads = o.cols / (w.in + rope);
  const int64_t per_head = w.out / heads;
  const int64_t value = per_head - nope;
  CHECK(o.rows == out.rows && out.cols == heads * value);
  std::vector<float> row(w.in);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < value; ++i) {
      decode_weight_row(w, h * per_head + nope + i, row.data());
      for (int64_t t = 0; t < o.rows; ++t)
        out.row(t)[h * value + i] = dot16(row.data(), o.row(t) + h * (w.in + rope), w.in);
    }
  }
}

}  // namespace hadal
