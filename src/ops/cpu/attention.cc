// sparse_attention over the pool: many tokens go whole to a worker each; of a few tokens every step is shared
// by all.
#include <algorithm>

#include "ops/cpu/cpu_ops.h"

namespace hadal {
namespace {

constexpr int64_t kHeadGroup = 32;   // heads whose queries and probabilities stay in L2 together
constexpr int64_t kSharedHeads = 8;  // heads of one unit of a shared values step
constexpr int64_t kSharedKeyGrain = 8;

AttentionJob heads_of(const AttentionJob& all, int64_t first, int64_t count) {
  AttentionJob job = all;
  job.q += first * all.head_dim;
  job.out += first * all.head_dim;
  if (job.sink != nullptr) job.sink += first * 4;
  job.heads = count;
  return job;
}

}  // namespace

// One token on one worker.
void CpuOps::attend_alone(const AttentionJob& all, int worker) {
  for (int64_t first = 0; first < all.heads; first += kHeadGroup) {
    const AttentionJob job = heads_of(all, first, std::min(kHeadGroup, all.heads - first));
    float* const tile = attention_scratch_.tiles[worker].data();
    attention_.scores(job, {0, job.keys.count}, tile);
    attention_.softmax(job, {0, job.heads});
    attention_.values(job, {0, job.heads}, {0, job.head_dim}, tile);
  }
}

// One token on all workers.
void CpuOps::attend_together(const AttentionJob& job) {
  const int workers = pool_.threads();
  pool_.run([&](int worker) {
    const Range keys = part_of(job.keys.count, worker, workers, kSharedKeyGrain);
    attention_.scores(job, {keys.first, keys.last}, attention_scratch_.tiles[worker].data());
  });
  pool_.run([&](int worker) {
    const Range heads = part_of(job.heads, worker, workers);
    attention_.softmax(job, {heads.first, heads.last});
  });
  const int64_t groups = (job.heads + kSharedHeads - 1) / kSharedHeads;
  pool_.run([&](int worker) {
    const Range units = part_of(job.head_dim / kChannelBlock * groups, worker, workers);
    for (int64_t unit = units.first; unit < units.last;) {
      const int64_t block = unit / groups;
      const int64_t end = std::min(units.last, (block + 1) * groups);
      const int64_t last_head = std::min(job.heads, (end - block * groups) * kSharedHeads);
      attention_.values(job, {(unit - block * groups) * kSharedHeads, last_head},
                        {block * kChannelBlock, (block + 1) * kChannelBlock},
                        attention_scratch_.tiles[worker].data());
      unit = end;
    }
  });
}

void CpuOps::sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                              const std::byte* sink, float scale, Mat out) {
  if (!fits_kernels(forms.window) || !fits_kernels(forms.entries))
    return ReferenceOps::sparse_attention(q, keys, forms, sink, scale, out);
  const int64_t head_dim = forms.entries.dim;
  CHECK(forms.window.dim == head_dim && q.cols % head_dim == 0 && out.cols == q.cols);
  CHECK(static_cast<int64_t>(keys.size()) == q.rows && out.rows == q.rows);
  int64_t most_keys = 0;
  for (const KeyRows& rows : keys) {
    CHECK(rows.count > 0);
    most_keys = std::max(most_keys, rows.count);
  }
  const int64_t heads = q.cols / head_dim;
  const int workers = pool_.threads();
  const bool alone = workers == 1 || q.rows / 2 >= workers;
  attention_scratch_.reserve(alone ? workers : 1, alone ? std::min(heads, kHeadGroup) : heads, most_keys,
                             head_dim);
  const auto job_of = [&](int64_t t, int scratch) {
    return AttentionJob{.q = q.row(t),
                        .keys = keys[t],
                        .forms = forms,
                        .sink = sink,
                        .heads = heads,
                        .head_dim = head_dim,
                        .scale = scale,
                        .p = attention_scratch_.p[scratch].data(),
                        .p_stride = attention_scratch_.p_stride,
                        .denominator = attention_scratch_.denominators[scratch].data(),
                        .out = out.row(t)};
  };
  if (!alone) {
    for (int64_t t = 0; t < q.rows; ++t) attend_together(job_of(t, 0));
    return;
  }
  // Later tokens see more keys: every worker gets some of all ages.
  pool_.run([&](int worker) {
    for (int64_t t = worker; t < q.rows; t += workers) attend_alone(job_of(t, worker), worker);
  });
}

}  // namespace hadal
