// The official products (spec 2): activations in e4m3 with a power-of-two scale per 128 for quantised
// weights, one fp32 partial sum per K block, scaled into a second fp32 sum; results in bf16.
//
// The order of the sums inside a K block is the hardware's secret; here it is dot16.
#include <algorithm>
#include <vector>

#include "ops/reference/lanes.h"
#include "ops/reference/official_ops.h"
#include "quant/act8.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

constexpr int64_t kActBlock = 128;

// A quantised input: decoded codes and the scale of each 128 of them.
struct Act8Row {
  std::vector<float> codes;   // [in]
  std::vector<float> scales;  // [ceil(in/128)]
};

Act8Row quantise(const float* x, int64_t n) {
  std::vector<uint8_t> codes(n);
  std::vector<uint8_t> scales((n + kActBlock - 1) / kActBlock);
  quantise_act8(x, n, codes.data(), scales.data());
  Act8Row row{std::vector<float>(codes.size()), std::vector<float>(scales.size())};
  std::transform(codes.begin(), codes.end(), row.codes.begin(), e4m3_to_f32);
  std::transform(scales.begin(), scales.end(), row.scales.begin(), e8m0_to_f32);
  return row;
}

// One row of a quantised weight as codes without their scales, and the scale of each block of `block` inputs.
struct WeightRow {
  int64_t block = 0;
  std::vector<float> codes;
  std::vector<float> scales;
};

WeightRow weight_row(const Weight& w, int64_t o) {
  WeightRow row{w.format == WeightFormat::kFp8 ? 128 : 32, std::vector<float>(w.in), {}};
  for (int64_t k = 0; k < w.in; ++k) {
    row.codes[k] = w.format == WeightFormat::kFp8 ? fp8_code(w, o, k)
                                                  : 0.5f * static_cast<float>(fp4_doubled_code(w, o, k));
  }
  for (int64_t k = 0; k < w.in; k += row.block) {
    row.scales.push_back(w.format == WeightFormat::kFp8 ? fp8_tile_scale(w, o, k)
                                                        : fp4_block_scale(w, o, k / row.block));
  }
  return row;
}

float block_products(const Act8Row& x, const WeightRow& w) {
  const auto n = static_cast<int64_t>(x.codes.size());
  float acc = 0;
  for (int64_t k = 0; k < n; k += w.block) {
    const float partial = dot16(x.codes.data() + k, w.codes.data() + k, std::min(w.block, n - k));
    acc += partial * (x.scales[k / kActBlock] * w.scales[k / w.block]);
  }
  return acc;
}

}  // namespace

void OfficialOps::linear(ConstMat x, const Weight& w, Mat out) {
  CHECK(x.rows == out.rows && x.cols == w.in && out.cols == w.out);
  if (!w.quantised()) {
    linear_fp32(x, w, out);
    return round_activations(out);
  }
  std::vector<Act8Row> rows;
  rows.reserve(static_cast<size_t>(x.rows));
  for (int64_t t = 0; t < x.rows; ++t) rows.push_back(quantise(x.row(t), x.cols));
  for (int64_t o = 0; o < w.out; ++o) {
    const WeightRow row = weight_row(w, o);
    for (int64_t t = 0; t < x.rows; ++t) out.row(t)[o] = block_products(rows[t], row);
  }
  round_activations(out);
}

void OfficialOps::linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  CHECK(groups > 0 && w.out % groups == 0);
  CHECK(x.rows == out.rows && x.cols == groups * w.in && out.cols == w.out);
  std::vector<float> row(w.in);
  for (int64_t o = 0; o < w.out; ++o) {
    decode_weight_row(w, o, row.data());
    round_activations({row.data(), 1, w.in, w.in});
    const int64_t first = o / (w.out / groups) * w.in;
    for (int64_t t = 0; t < x.rows; ++t) out.row(t)[o] = dot16(row.data(), x.row(t) + first, w.in);
  }
  round_activations(out);
}

void OfficialOps::add(Mat x, ConstMat y) {
  ReferenceOps::add(x, y);
  round_activations(x);
}

void OfficialOps::round_activations(Mat x) const {
  for (int64_t t = 0; t < x.rows; ++t) std::transform(x.row(t), x.row(t) + x.cols, x.row(t), round_to_bf16);
}

}  // namespace hadal
