// Attention as the official kernel walks it (spec 3.4): blocks of 64 keys, online rescaling, probabilities
// rounded to bf16 before they meet the values while the denominator sums them unrounded.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/lanes.h"
#include "ops/reference/official_ops.h"
#include "ops/reference/sparse_attention.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

constexpr int64_t kBlockKeys = 64;

void attend(const float* q, const std::vector<float>& keys, float sink, int64_t head_dim, float scale,
            float* out) {
  const auto count = static_cast<int64_t>(keys.size()) / head_dim;
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0;
  std::fill_n(out, head_dim, 0.0f);
  for (int64_t first = 0; first < count; first += kBlockKeys) {
    const int64_t in_block = std::min(kBlockKeys, count - first);
    const float* const block = keys.data() + first * head_dim;
    float p[kBlockKeys];
    for (int64_t i = 0; i < in_block; ++i) p[i] = dot16(q, block + i * head_dim, head_dim) * scale;
    const float new_max = std::max(max, *std::max_element(p, p + in_block));
    const float rescale = exp_f32(max - new_max);
    for (int64_t i = 0; i < in_block; ++i) p[i] = exp_f32(p[i] - new_max);
    sum = sum * rescale + sum16(p, in_block);
    for (int64_t c = 0; c < head_dim; ++c) {
      float acc = out[c] * rescale;
      for (int64_t i = 0; i < in_block; ++i)
        acc = std::fma(round_to_bf16(p[i]), block[i * head_dim + c], acc);
      out[c] = acc;
    }
    max = new_max;
  }
  sum += exp_f32(sink - max);
  for (int64_t c = 0; c < head_dim; ++c) out[c] = round_to_bf16(out[c] / sum);
}

}  // namespace

void OfficialOps::sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                                   const std::byte* sink, float scale, Mat out) {
  const int64_t head_dim = forms.entries.dim;
  CHECK(q.cols % head_dim == 0 && static_cast<int64_t>(keys.size()) == q.rows && sink != nullptr);
  std::vector<float> decoded;
  for (int64_t t = 0; t < q.rows; ++t) {
    decode_rows(keys[t], forms, decoded);
    for (int64_t h = 0; h < q.cols / head_dim; ++h)
      attend(q.row(t) + h * head_dim, decoded, load_as<float>(sink + h * 4), head_dim, scale,
             out.row(t) + h * head_dim);
  }
}

}  // namespace hadal
