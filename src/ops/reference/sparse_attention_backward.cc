// Gradient of attention over the keys chosen for each token, with a sink (spec 10.1), as plain loops. Keys
// are values too.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/backward_values.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

void ReferenceBackward::sparse_attention(ConstMat q, ConstMat key_values, const KeyLists& keys,
                                         const std::byte* sink, float scale, ConstMat out, ConstMat d_out,
                                         Mat d_q, Mat d_keys, float* d_sink, float* mass) {
  const int64_t c = key_values.cols;
  CHECK(q.cols % c == 0 && d_keys.rows == key_values.rows);
  const float* const sinks = f32_values(sink);
  std::vector<float> p;
  std::vector<float> to_query(static_cast<size_t>(c));
  for (int64_t t = 0; t < q.rows; ++t) {
    const int32_t* const rows = keys.rows + keys.begin[t];
    const int64_t count = keys.begin[t + 1] - keys.begin[t];
    if (mass != nullptr) std::fill_n(mass + keys.begin[t], count, 0.0f);
    p.resize(static_cast<size_t>(count));
    for (int64_t h = 0; h < q.cols / c; ++h) {
      const float* const query = q.row(t) + h * c;
      const float* const g = d_out.row(t) + h * c;
      for (int64_t i = 0; i < count; ++i) p[i] = dot16(query, key_values.row(rows[i]), c) * scale;
      const float max = *std::max_element(p.begin(), p.end());
      for (float& a : p) a = exp_f32(a - max);
      const float sink_part = exp_f32(sinks[h] - max);
      const float denominator = sum16(p.data(), count) + sink_part;
      const float inward = dot16(g, out.row(t) + h * c, c);
      d_sink[h] = std::fma(-(sink_part / denominator), inward, d_sink[h]);
      std::fill(to_query.begin(), to_query.end(), 0.0f);
      for (int64_t i = 0; i < count; ++i) {
        const float* const key = key_values.row(rows[i]);
        float* const to_key = d_keys.row(rows[i]);
        const float share = p[i] / denominator;
        const float e = share * (dot16(g, key, c) - inward) * scale;
        for (int64_t ch = 0; ch < c; ++ch) {
          to_query[ch] = std::fma(e, key[ch], to_query[ch]);
          to_key[ch] = std::fma(e, query[ch], to_key[ch]);
          to_key[ch] = std::fma(share, g[ch], to_key[ch]);
        }
        if (mass != nullptr) mass[keys.begin[t] + i] += share;
      }
      for (int64_t ch = 0; ch < c; ++ch) d_q.row(t)[h * c + ch] += to_query[ch];
    }
  }
}

}  // namespace hadal
