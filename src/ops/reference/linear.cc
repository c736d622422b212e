// Products with a weight matrix: linear, linear_fp32, linear_grouped. Each output is dot16 of a decoded row
// with the input; in native numerics FP4 weights meet their input in int8 blocks of 32 (ops/ops.h).
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/reference/lanes.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = 32;      // inputs under one activation scale, and codes under one weight scale
constexpr int64_t kSpan = 128;      // inputs of one step over all lanes
constexpr int64_t kLaneInputs = 8;  // of them in one lane

struct Int8Row {
  std::vector<int8_t> codes;  // [in]
  std::vector<float> scales;  // [in/32]
};

Int8Row quantise_int8(const float* x, int64_t n) {
  Int8Row row{std::vector<int8_t>(n), std::vector<float>(n / kBlock)};
  for (int64_t b = 0; b < n / kBlock; ++b) {
    float amax = 0;
    for (int64_t k = b * kBlock; k < (b + 1) * kBlock; ++k) amax = std::max(amax, std::fabs(x[k]));
    const float quotient = 127.0f / amax;
    const float inverse = std::isinf(quotient) ? 0.0f : quotient;
    for (int64_t k = b * kBlock; k < (b + 1) * kBlock; ++k)
      row.codes[k] = static_cast<int8_t>(std::nearbyint(x[k] * inverse));
    row.scales[b] = 0.5f * (amax / 127.0f);
  }
  return row;
}

float dot_int8_fp4(const Int8Row& x, const int8_t* doubled_codes, const float* scales, int64_t n) {
  Lanes acc;
  for (int64_t span = 0; span < n; span += kSpan) {
    for (int64_t l = 0; l < kLanes; ++l) {
      int sum = 0;
      float scale = 0;
      const int64_t first = span + l * kLaneInputs;
      if (first < n) {
        for (int64_t k = first; k < first + kLaneInputs; ++k) sum += x.codes[k] * doubled_codes[k];
        scale = x.scales[first / kBlock] * scales[first / kBlock];
      }
      acc.v[l] = std::fma(static_cast<float>(sum), scale, acc.v[l]);
    }
  }
  return tree16(acc);
}

void linear_int8_fp4(ConstMat x, const Weight& w, Mat out) {
  std::vector<Int8Row> rows;
  rows.reserve(static_cast<size_t>(x.rows));
  for (int64_t t = 0; t < x.rows; ++t) rows.push_back(quantise_int8(x.row(t), w.in));
  std::vector<int8_t> codes(w.in);
  std::vector<float> scales(w.in / kBlock);
  for (int64_t o = 0; o < w.out; ++o) {
    for (int64_t k = 0; k < w.in; ++k) codes[k] = static_cast<int8_t>(fp4_doubled_code(w, o, k));
    for (int64_t b = 0; b < w.in / kBlock; ++b) scales[b] = fp4_block_scale(w, o, b);
    for (int64_t t = 0; t < x.rows; ++t)
      out.row(t)[o] = dot_int8_fp4(rows[t], codes.data(), scales.data(), w.in);
  }
}

// Row o of w with the w.in inputs from column `first_in(o)` on.
template <typename FirstIn>
void dot_rows(ConstMat x, const Weight& w, Mat out, FirstIn first_in) {
  std::vector<float> row(w.in);
  for (int64_t o = 0; o < w.out; ++o) {
    decode_weight_row(w, o, row.data());
    for (int64_t t = 0; t < x.rows; ++t) out.row(t)[o] = dot16(row.data(), x.row(t) + first_in(o), w.in);
  }
}

}  // namespace

void ReferenceOps::linear(ConstMat x, const Weight& w, Mat out) {
  CHECK(x.rows == out.rows && x.cols == w.in && out.cols == w.out);
  if (numerics() == Numerics::kNative && w.format == WeightFormat::kFp4) return linear_int8_fp4(x, w, out);
  dot_rows(x, w, out, [](int64_t) { return 0; });
}

void ReferenceOps::linear_fp32(ConstMat x, const Weight& w, Mat out) {
  CHECK(x.rows == out.rows && x.cols == w.in && out.cols == w.out);
  dot_rows(x, w, out, [](int64_t) { return 0; });
}

void ReferenceOps::linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  CHECK(groups > 0 && w.out % groups == 0);
  CHECK(x.rows == out.rows && x.cols == groups * w.in && out.cols == w.out);
  const int64_t group_rows = w.out / groups;
  dot_rows(x, w, out, [&](int64_t o) { return o / group_rows * w.in; });
}

}  // namespace hadal
