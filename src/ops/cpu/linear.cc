// linear, linear_fp32 and linear_grouped over the pool: each worker computes some output rows for all inputs.
#include <algorithm>

#include "ops/cpu/cpu_ops.h"

namespace hadal {
namespace {

constexpr int64_t kRowGrain = 16;  // a cache line of outputs; it divides the FP8 tiles

}  // namespace

bool CpuOps::takes_int8(const Weight& w) const {
  return numerics() == Numerics::kNative && w.format == WeightFormat::kFp4;
}

void CpuOps::reserve_worker_scratch(int64_t in) {
  for (Buffer& buffer : linear_scratch_.workers) {
    if (buffer.size() < product_scratch_floats(in)) buffer = Buffer(product_scratch_floats(in));
  }
}

void CpuOps::quantise_rows(ConstMat x) {
  linear_scratch_.q.resize(x.rows, x.cols);
  linear_scratch_.q_rows.resize(static_cast<size_t>(x.rows));
  for (int64_t t = 0; t < x.rows; ++t) linear_scratch_.q_rows[t] = linear_scratch_.q.row(t);
  const auto quantise = [&](int64_t t) {
    linear_.quantise_int8(x.row(t), 0, x.cols, x.cols, linear_scratch_.q.row(t));
  };
  if (x.rows == 1) return quantise(0);
  pool_.run([&](int worker) {
    const Range tokens = part_of(x.rows, worker, pool_.threads());
    for (int64_t t = tokens.first; t < tokens.last; ++t) quantise(t);
  });
}

void CpuOps::point_at_rows(ConstMat x, Mat out) {
  linear_scratch_.x.resize(static_cast<size_t>(x.rows));
  linear_scratch_.out.resize(static_cast<size_t>(x.rows));
  for (int64_t t = 0; t < x.rows; ++t) {
    linear_scratch_.x[t] = x.row(t);
    linear_scratch_.out[t] = out.row(t);
  }
}

void CpuOps::products(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  reserve_worker_scratch(w.in);
  point_at_rows(x, out);
  const int64_t group_rows = w.out / groups;
  pool_.run([&](int worker) {
    const Range rows = part_of(w.out, worker, pool_.threads(), kRowGrain);
    ProductJob job{.weight = &w,
                   .tokens = x.rows,
                   .x = linear_scratch_.x.data(),
                   .out = linear_scratch_.out.data(),
                   .scratch = linear_scratch_.workers[worker].data()};
    for (int64_t first = rows.first; first < rows.last; first = job.last) {
      const int64_t group = first / group_rows;
      job.first = job.out_at = first;
      job.last = std::min(rows.last, (group + 1) * group_rows);
      job.x_at = group * w.in;
      linear_.products(job);
    }
  });
}

void CpuOps::linear(ConstMat x, const Weight& w, Mat out) {
  CHECK(x.rows == out.rows && x.cols == w.in && out.cols == w.out);
  if (!takes_int8(w)) return products(x, w, 1, out);
  quantise_rows(x);
  reserve_worker_scratch(w.in);
  linear_scratch_.out.resize(static_cast<size_t>(x.rows));
  for (int64_t t = 0; t < x.rows; ++t) linear_scratch_.out[t] = out.row(t);
  pool_.run([&](int worker) {
    const Range rows = part_of(w.out, worker, pool_.threads(), kRowGrain);
    linear_.products_int8({.weight = &w,
                           .first = rows.first,
                           .last = rows.last,
                           .tokens = x.rows,
                           .q = linear_scratch_.q_rows.data(),
                           .out = linear_scratch_.out.data(),
                           .out_at = rows.first,
                           .scratch = linear_scratch_.workers[worker].data()});
  });
}

void CpuOps::linear_fp32(ConstMat x, const Weight& w, Mat out) {
  CHECK(x.rows == out.rows && x.cols == w.in && out.cols == w.out);
  products(x, w, 1, out);
}

void CpuOps::linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  CHECK(groups > 0 && w.out % groups == 0);
  CHECK(x.rows == out.rows && x.cols == groups * w.in && out.cols == w.out);
  products(x, w, groups, out);
}

}  // namespace hadal
