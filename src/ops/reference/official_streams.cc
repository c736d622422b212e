// Official rounding points of the ops whose arithmetic is fp32 inside and bf16 outside: the reference loop,
// then one cast. The per-head norm alone rounds after every step, as bf16 tensor operations do.
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/reference/lanes.h"
#include "ops/reference/official_ops.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

void round_rows(Mat x) {
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t i = 0; i < x.cols; ++i) x.row(t)[i] = round_to_bf16(x.row(t)[i]);
}

}  // namespace

void OfficialOps::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                         Mat comb) {
  ReferenceOps::hc_pre(streams, params, config, u, post, comb);
  round_rows(u);
}

void OfficialOps::hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) {
  ReferenceOps::hc_post(streams, y, post, comb);
  round_rows(streams);
}

void OfficialOps::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) {
  ReferenceOps::hc_head(streams, params, config, u);
  round_rows(u);
}

void OfficialOps::rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) {
  ReferenceOps::rms_norm(x, weight, eps, out);
  round_rows(out);
}

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

void OfficialOps::rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
                       bool inverse) {
  ReferenceOps::rope(x, head_dim, positions, f, inverse);
  round_rows(x);
}

void OfficialOps::hadamard(Mat x) {
  ReferenceOps::hadamard(x);
  round_rows(x);
}

void OfficialOps::compressor_pool(std::span<const PoolSlots> blocks, Mat out) {
  ReferenceOps::compressor_pool(blocks, out);
  round_rows(out);
}

}  // namespace hadal
