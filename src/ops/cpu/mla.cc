// The two halves of kv_b over the pool: absorb shared by heads and blocks of channels, values by rows of
// heads.
#include <algorithm>

#include "ops/cpu/cpu_ops.h"

namespace hadal {

void CpuOps::mla_absorb(ConstMat q, const Weight& w, int64_t nope, int64_t rope, Mat out) {
  const int64_t heads = q.cols / (nope + rope);
  const int64_t width = w.in + rope;
  CHECK(q.rows == out.rows && out.cols == heads * width && w.out / heads > nope);
  point_at_rows(q, out);
  const int64_t scratch = nope * kAbsorbChannels;
  for (Buffer& buffer : linear_scratch_.workers) {
    if (buffer.size() < scratch) buffer = Buffer(scratch);
  }
  const int64_t blocks = (w.in + kAbsorbChannels - 1) / kAbsorbChannels;
  pool_.run([&](int worker) {
    const Range units = part_of(heads * blocks, worker, pool_.threads());
    for (int64_t unit = units.first; unit < units.last; ++unit) {
      const int64_t h = unit / blocks;
      const int64_t first = unit % blocks * kAbsorbChannels;
      linear_.absorb({.weight = &w,
                      .first = h * (w.out / heads),
                      .rows = nope,
                      .first_channel = first,
                      .last_channel = std::min(w.in, first + kAbsorbChannels),
                      .tokens = q.rows,
                      .q = linear_scratch_.x.data(),
                      .q_at = h * (nope + rope),
                      .out = linear_scratch_.out.data(),
                      .out_at = h * width,
                      .scratch = linear_scratch_.workers[worker].data()});
      if (first > 0) continue;
      for (int64_t t = 0; t < q.rows; ++t)
        std::copy_n(q.row(t) + h * (nope + rope) + nope, rope, out.row(t) + h * width + w.in);
    }
  });
}

void CpuOps::mla_values(ConstMat o, const Weight& w, int64_t nope, int64_t rope, Mat out) {
  const int64_t width = w.in + rope;
  const int64_t heads = o.cols / width;
  const int64_t per_head = w.out / heads;
  const int64_t value = per_head - nope;
  CHECK(o.rows == out.rows && out.cols == heads * value);
  reserve_worker_scratch(w.in);
  point_at_rows(o, out);
  pool_.run([&](int worker) {
    const Range rows = part_of(heads * value, worker, pool_.threads());
    for (int64_t at = rows.first; at < rows.last;) {
      const int64_t h = at / value;
      const int64_t end = std::min(rows.last, (h + 1) * value);
      const int64_t first = h * per_head + nope + at % value;
      linear_.products({.weight = &w,
                        .first = first,
                        .last = first + end - at,
                        .tokens = o.rows,
                        .x = linear_scratch_.x.data(),
                        .x_at = h * width,
                        .out = linear_scratch_.out.data(),
                        .out_at = at,
                        .scratch = linear_scratch_.workers[worker].data()});
      at = end;
    }
  });
}

}  // namespace hadal
