// The backward pass of attention over the pool, a tile of tokens at a time. First every token by itself: its
// probabilities again, the gradients by its scores and its query. Then every channel by itself: the gradients
// of the keys, which many tokens share, in the tokens' order.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/cpu/cpu_backward.h"
#include "ops/elementary.h"
#include "ops/reference/backward_values.h"

namespace hadal {
namespace {

constexpr int64_t kTileTokens = 128;

void grow(Buffer& buffer, int64_t floats) {
  if (buffer.size() < floats) buffer = Buffer(floats);
}

}  // namespace

void CpuBackward::token_attention(ConstMat q, ConstMat key_values, const KeyLists& keys,
                                  const std::byte* sink, float scale, ConstMat out, ConstMat d_out, Mat d_q,
                                  float* mass, int64_t t, int64_t at, int64_t stride, int worker) {
  const int64_t c = key_values.cols;
  const int64_t heads = q.cols / c;
  const int64_t count = keys.begin[t + 1] - keys.begin[t];
  std::vector<const std::byte*>& rows = tile_.rows_of_worker[static_cast<size_t>(worker)];
  rows.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    rows[static_cast<size_t>(i)] =
        reinterpret_cast<const std::byte*>(key_values.row(keys.rows[keys.begin[t] + i]));
  float* const p = tile_.p.data() + at * heads * stride;
  float* const e = tile_.e.data() + at * heads * stride;
  float* const decoded = tile_.keys_of_worker[static_cast<size_t>(worker)].data();
  float* const for_q = tile_.q_of_worker[static_cast<size_t>(worker)].data();
  float* const denominators = for_q + q.cols;
  const KvRow form = v4_kv_row(EntryFormat::kF32, c);
  AttentionJob job{.q = q.row(t),
                   .keys = {rows.data(), count, count},
                   .forms = {form, form},
                   .sink = sink,
                   .heads = heads,
                   .head_dim = c,
                   .scale = scale,
                   .p = p,
                   .p_stride = stride,
                   .denominator = denominators,
                   .out = for_q};
  attention_.scores(job, {0, count}, decoded);
  float* const sink_parts = tile_.sinks.data() + at * heads;
  for (int64_t h = 0; h < heads; ++h)
    sink_parts[h] = exp_f32(f32_values(sink)[h] - kernels_.largest(p + h * stride, count, scale));
  attention_.softmax(job, {0, heads});
  AttentionJob dots = job;
  dots.q = d_out.row(t);
  dots.p = e;
  attention_.scores(dots, {0, count}, decoded);
  float* const inwards = tile_.inwards.data() + at * heads;
  if (mass != nullptr) std::fill_n(mass + keys.begin[t], count, 0.0f);
  for (int64_t h = 0; h < heads; ++h) {
    const float inward = kernels_.dot(d_out.row(t) + h * c, out.row(t) + h * c, c);
    inwards[h] = inward;
    sink_parts[h] = -(sink_parts[h] / denominators[h]);
    kernels_.shares(p + h * stride, e + h * stride, count, denominators[h], inward, scale,
                    mass == nullptr ? nullptr : mass + keys.begin[t]);
  }
  std::copy_n(tile_.ones.data(), heads, denominators);
  AttentionJob to_query = job;
  to_query.p = e;
  attention_.values(to_query, {0, heads}, {0, c}, decoded);
  kernels_.axpy(1.0f, for_q, q.cols, d_q.row(t));
}

void CpuBackward::sparse_attention(ConstMat q, ConstMat key_values, const KeyLists& keys,
                                   const std::byte* sink, float scale, ConstMat out, ConstMat d_out, Mat d_q,
                                   Mat d_keys, float* d_sink, float* mass) {
  const int64_t c = key_values.cols;
  if (c % kChannelBlock != 0)
    return ReferenceBackward::sparse_attention(q, key_values, keys, sink, scale, out, d_out, d_q, d_keys,
                                               d_sink, mass);
  CHECK(q.cols % c == 0 && d_keys.rows == key_values.rows);
  const int64_t heads = q.cols / c;
  int64_t most_keys = 0;
  for (int64_t t = 0; t < q.rows; ++t) most_keys = std::max(most_keys, keys.begin[t + 1] - keys.begin[t]);
  const int64_t stride = (most_keys + 15) / 16 * 16;
  grow(tile_.p, kTileTokens * heads * stride);
  grow(tile_.e, kTileTokens * heads * stride);
  grow(tile_.sinks, kTileTokens * heads);
  grow(tile_.inwards, kTileTokens * heads);
  for (Buffer& decoded : tile_.keys_of_worker) grow(decoded, attention_tile_floats(c));
  for (Buffer& for_q : tile_.q_of_worker) grow(for_q, q.cols + heads);
  tile_.ones.assign(static_cast<size_t>(heads), 1.0f);
  const int workers = pool_.threads();
  for (int64_t first = 0; first < q.rows; first += kTileTokens) {
    const int64_t tokens = std::min(kTileTokens, q.rows - first);
    pool_.run([&](int worker) {
      for (int64_t i = worker; i < tokens; i += workers)
        token_attention(q, key_values, keys, sink, scale, out, d_out, d_q, mass, first + i, i, stride,
                        worker);
    });
    pool_.run([&](int worker) {
      const Range part = part_of(c, worker, workers, 16);
      if (part.first == part.last) return;
      for (int64_t i = 0; i < tokens; ++i) {
        const int64_t t = first + i;
        kernels_.key_gradients(keys.rows + keys.begin[t], keys.begin[t + 1] - keys.begin[t],
                               tile_.e.data() + i * heads * stride, tile_.p.data() + i * heads * stride,
                               stride, q.row(t), d_out.row(t), heads, c, part.first, part.last, d_keys);
      }
    });
    for (int64_t i = 0; i < tokens * heads; ++i)
      d_sink[i % heads] = std::fma(tile_.sinks.data()[i], tile_.inwards.data()[i], d_sink[i % heads]);
  }
}

}  // namespace hadal
