// Streams, norms, rotations and pools over the pool: rows, heads or blocks are shared by the workers where
// there is enough to do; the 24 mixing logits of a few tokens, a read of megabytes, always are.
#include <algorithm>

#include "ops/cpu/cpu_ops.h"
#include "ops/reference/hyper_connection.h"

namespace hadal {
namespace {

constexpr int64_t kSmallWork =
    32 * int64_t{1024};  // values that one thread passes over while a pool wakes up

}  // namespace

template <typename Fn>
void CpuOps::share(int64_t count, int64_t floats, Fn fn) {
  if (count * floats < kSmallWork) {
    for (int64_t i = 0; i < count; ++i) fn(i);
    return;
  }
  pool_.run([&](int worker) {
    const Range part = part_of(count, worker, pool_.threads());
    for (int64_t i = part.first; i < part.last; ++i) fn(i);
  });
}

// g [rows of fn] = dot16(fn row, z) * rho of each token, then finish(token, g), which workers may call side
// by side.
template <typename Finish>
void CpuOps::mix_logits(ConstMat streams, const HcParams& params, const HcConfig& config, Finish finish) {
  const int64_t rows = params.fn.out;
  const int64_t n = params.fn.in;
  if (hc_logits_.size() < streams.rows * rows) hc_logits_ = Buffer(streams.rows * rows);
  reserve_worker_scratch(n);
  linear_scratch_.x.resize(static_cast<size_t>(streams.rows));
  linear_scratch_.out.resize(static_cast<size_t>(streams.rows));
  for (int64_t t = 0; t < streams.rows; ++t) {
    linear_scratch_.x[t] = streams.row(t);
    linear_scratch_.out[t] = hc_logits_.data() + t * rows;
  }
  const auto products = [&](int worker, Range of_rows, Range tokens) {
    linear_.products({.weight = &params.fn,
                      .first = of_rows.first,
                      .last = of_rows.last,
                      .tokens = tokens.last - tokens.first,
                      .x = linear_scratch_.x.data() + tokens.first,
                      .out = linear_scratch_.out.data() + tokens.first,
                      .out_at = of_rows.first,
                      .scratch = linear_scratch_.workers[worker].data()});
  };
  const auto scale_and_finish = [&](int64_t t) {
    float* const g = linear_scratch_.out[t];
    const float rho = streams_.inverse_rms(streams.row(t), n, config.norm_eps);
    for (int64_t i = 0; i < rows; ++i) g[i] *= rho;
    finish(t, g);
  };
  const int workers = pool_.threads();
  if (streams.rows / 2 >= workers) {
    pool_.run([&](int worker) {
      const Range tokens = part_of(streams.rows, worker, workers);
      products(worker, {0, rows}, tokens);
      for (int64_t t = tokens.first; t < tokens.last; ++t) scale_and_finish(t);
    });
    return;
  }
  pool_.run([&](int worker) {
    const Range of_rows = part_of(rows, worker, workers);
    if (of_rows.first < of_rows.last) products(worker, of_rows, {0, streams.rows});
  });
  for (int64_t t = 0; t < streams.rows; ++t) scale_and_finish(t);
}

void CpuOps::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                    Mat comb) {
  CHECK(config.mult == kHcMult && streams.cols == kHcMult * u.cols);
  CHECK(params.fn.out == kHcSiteRows && params.fn.in == streams.cols);
  mix_logits(streams, params, config, [&](int64_t t, const float* g) {
    float pre[kHcMult];
    streams_.hc_gates(g, params, config, pre, post.row(t), comb.row(t));
    streams_.hc_mix(streams.row(t), pre, u.cols, u.row(t));
  });
}

void CpuOps::hc_collapse(ConstMat streams, ConstMat pre, Mat u) {
  CHECK(streams.cols == kHcMult * u.cols && pre.rows == streams.rows && pre.cols == kHcMult);
  share(streams.rows, streams.cols,
        [&](int64_t t) { streams_.hc_mix(streams.row(t), pre.row(t), u.cols, u.row(t)); });
}

void CpuOps::hc_coefficients(ConstMat streams, const HcParams& params, const HcConfig& config, Mat pre,
                             Mat post, Mat comb) {
  CHECK(config.mult == kHcMult && params.fn.out == kHcSiteRows && params.fn.in == streams.cols);
  mix_logits(streams, params, config, [&](int64_t t, const float* g) {
    streams_.hc_gates(g, params, config, pre.row(t), post.row(t), comb.row(t));
  });
}

void CpuOps::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) {
  CHECK(config.mult == kHcMult && streams.cols == kHcMult * u.cols);
  CHECK(params.fn.out == kHcMult && params.fn.in == streams.cols);
  mix_logits(streams, params, config, [&](int64_t t, const float* g) {
    float pre[kHcMult];
    hc_head_gates(g, params, config, pre);
    streams_.hc_mix(streams.row(t), pre, u.cols, u.row(t));
  });
}

void CpuOps::hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) {
  CHECK(streams.cols == kHcMult * y.cols && y.rows == streams.rows);
  share(streams.rows, streams.cols,
        [&](int64_t t) { streams_.hc_post(streams.row(t), y.row(t), y.cols, post.row(t), comb.row(t)); });
}

void CpuOps::rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) {
  CHECK(weight.size == x.cols && out.cols == x.cols && out.rows == x.rows);
  share(x.rows, x.cols, [&](int64_t t) {
    streams_.scale_row(x.row(t), streams_.inverse_rms(x.row(t), x.cols, eps), weight, out.row(t));
  });
}

void CpuOps::head_rms_norm(Mat q, int64_t head_dim, float eps) {
  CHECK(q.cols % head_dim == 0);
  const int64_t heads = q.cols / head_dim;
  share(q.rows * heads, head_dim, [&](int64_t i) {
    float* const head = q.row(i / heads) + i % heads * head_dim;
    streams_.scale_head(head, head_dim, streams_.inverse_rms(head, head_dim, eps));
  });
}

void CpuOps::rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
                  bool inverse) {
  if (f.dims != kRopeDims || f.layout != RopeLayout::kLastInterleaved)
    return ReferenceOps::rope(x, head_dim, positions, f, inverse);
  CHECK(head_dim >= kRopeDims && x.cols % head_dim == 0 && static_cast<int64_t>(positions.size()) == x.rows);
  // The table of a token costs about as much as turning 16 heads.
  share(x.rows, (x.cols / head_dim + 16) * kRopeDims, [&](int64_t t) {
    float cos_sin[kRopeDims], turned[kRopeDims];
    streams_.rope_table(static_cast<float>(positions[t]), f, inverse, cos_sin, turned);
    streams_.rope_heads(x.row(t), x.cols, head_dim, cos_sin, turned);
  });
}

void CpuOps::hadamard(Mat x) {
  CHECK(x.cols % kIndexDim == 0);
  share(x.rows, x.cols, [&](int64_t t) { streams_.hadamard(x.row(t), x.cols); });
}

void CpuOps::compressor_pool(std::span<const PoolSlots> blocks, Mat out) {
  CHECK(static_cast<int64_t>(blocks.size()) == out.rows);
  constexpr int64_t kChannels = 64;
  const int64_t parts = (out.cols + kChannels - 1) / kChannels;
  const int64_t slots = blocks.empty() ? 0 : blocks[0].count;
  share(out.rows * parts, slots * kChannels * 8, [&](int64_t i) {
    const int64_t first = i % parts * kChannels;
    streams_.pool(blocks[i / parts], first, std::min(first + kChannels, out.cols), out.row(i / parts));
  });
}

void CpuOps::store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) {
  // Encoding a value costs as much as a dozen of the additions that kSmallWork counts.
  share(kv.rows, kv.cols * 12,
        [&](int64_t t) { ReferenceOps::store_kv({kv.row(t), 1, kv.cols, kv.cols}, form, {&rows[t], 1}); });
}

}  // namespace hadal
