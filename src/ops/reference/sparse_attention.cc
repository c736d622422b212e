// Attention of every head over the keys chosen for its token, with a sink (spec 3.4), as plain loops.
#include "ops/reference/sparse_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

// sink: null for none.
void attend(const float* q, const std::vector<float>& keys, const std::byte* sink, int64_t head_dim,
            float scale, float* out) {
  const auto count = static_cast<int64_t>(keys.size()) / head_dim;
  std::vector<float> p(count);
  for (int64_t i = 0; i < count; ++i) p[i] = dot16(q, keys.data() + i * head_dim, head_dim) * scale;
  const float max = *std::max_element(p.begin(), p.end());
  for (float& a : p) a = exp_f32(a - max);
  float denominator = sum16(p.data(), count);
  if (sink != nullptr) denominator += exp_f32(load_as<float>(sink) - max);
  for (int64_t c = 0; c < head_dim; ++c) {
    float acc = 0;
    for (int64_t i = 0; i < count; ++i) acc = std::fma(p[i], keys[i * head_dim + c], acc);
    out[c] = acc / denominator;
  }
}

}  // namespace

void decode_rows(const KeyRows& keys, const KeyForms& forms, std::vector<float>& decoded) {
  CHECK(keys.count > 0 && forms.window.dim == forms.entries.dim);
  decoded.resize(keys.count * forms.entries.dim);
  for (int64_t i = 0; i < keys.count; ++i)
    decode_kv_row(i < keys.window ? forms.window : forms.entries, keys.rows[i],
                  decoded.data() + i * forms.entries.dim);
}

void ReferenceOps::sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                                    const std::byte* sink, float scale, Mat out) {
  const int64_t head_dim = forms.entries.dim;
  CHECK(q.cols % head_dim == 0 && static_cast<int64_t>(keys.size()) == q.rows);
  std::vector<float> decoded;
  for (int64_t t = 0; t < q.rows; ++t) {
    decode_rows(keys[t], forms, decoded);
    for (int64_t h = 0; h < q.cols / head_dim; ++h)
      attend(q.row(t) + h * head_dim, decoded, sink == nullptr ? nullptr : sink + h * 4, head_dim, scale,
             out.row(t) + h * head_dim);
  }
}

}  // namespace hadal
