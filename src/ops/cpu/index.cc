// index_topk over the pool: many tokens go whole to a worker each; of a few tokens the keys are shared by
// all.
#include <algorithm>
#include <numeric>

#include "ops/cpu/cpu_ops.h"

namespace hadal {
namespace {

int64_t up_to(int64_t n, int64_t grain) { return (n + grain - 1) / grain * grain; }

}  // namespace

void IndexScratch::reserve(int64_t heads, int64_t keys) {
  queries.resize(static_cast<size_t>(up_to(heads, kIndexHeadGrain)));
  w.resize(queries.size());
  if (static_cast<int64_t>(order.size()) < keys)
    order.resize(static_cast<size_t>(up_to(keys, kIndexStepKeys)));
}

IndexJob CpuOps::index_job(const float* q, const float* w, int64_t heads, float score_scale,
                           const IndexKeys& keys, int64_t visible, IndexScratch& scratch) {
  std::fill(scratch.w.begin(), scratch.w.end(), 0.0f);
  for (int64_t h = 0; h < heads; ++h) scratch.w[h] = w[h] * score_scale;
  const bool stored = keys.form.form == IndexForm::kFp4;
  if (stored) {
    index_.quantise(q, heads, scratch.queries.data());
    std::fill(scratch.queries.begin() + heads, scratch.queries.end(), IndexQuery{});
  }
  return {.q = q,
          .queries = scratch.queries.data(),
          .w = scratch.w.data(),
          .heads = stored ? static_cast<int64_t>(scratch.queries.size()) : heads,
          .keys = keys.data,
          .count = visible,
          .order = scratch.order.data()};
}

void CpuOps::index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                        std::span<const int64_t> visible, const IndexChoice& choice) {
  if (keys.form.dim != kIndexDim || keys.form.form == IndexForm::kFp8 || choice.block > 0)
    return ReferenceOps::index_topk(q, w, score_scale, keys, visible, choice);
  const int64_t topk = choice.topk;
  int64_t* const picks = choice.picks;
  CHECK(q.cols == w.cols * kIndexDim && static_cast<int64_t>(visible.size()) == q.rows && w.rows == q.rows);
  const auto score = keys.form.form == IndexForm::kFp4 ? index_.scores_stored : index_.scores_f32;
  const int workers = pool_.threads();
  const bool alone = workers == 1 || q.rows / 2 >= workers;
  const int64_t most = q.rows == 0 ? 0 : *std::max_element(visible.begin(), visible.end());
  for (int i = 0; i < (alone ? workers : 1); ++i) index_scratch_[i].reserve(w.cols, most);

  const auto pick_all = [&](int64_t t) {
    int64_t* const row = picks + t * topk;
    std::iota(row, row + visible[t], 0);
    std::fill(row + visible[t], row + topk, -1);
  };
  const auto job_of = [&](int64_t t, int scratch) {
    return index_job(q.row(t), w.row(t), w.cols, score_scale, keys, visible[t], index_scratch_[scratch]);
  };
  if (most <= topk) {
    for (int64_t t = 0; t < q.rows; ++t) pick_all(t);
  } else if (alone) {
    pool_.run([&](int worker) {
      for (int64_t t = worker; t < q.rows; t += workers) {
        if (visible[t] <= topk) {
          pick_all(t);
          continue;
        }
        const IndexJob job = job_of(t, worker);
        score(job, 0, up_to(visible[t], kIndexStepKeys));
        index_.pick_best(job.order, job.count, topk, picks + t * topk);
      }
    });
  } else {
    for (int64_t t = 0; t < q.rows; ++t) {
      if (visible[t] <= topk) {
        pick_all(t);
        continue;
      }
      const IndexJob job = job_of(t, 0);
      pool_.run([&](int worker) {
        const Range part = part_of(up_to(visible[t], kIndexStepKeys), worker, workers, kIndexStepKeys);
        score(job, part.first, part.last);
      });
      index_.pick_best(job.order, job.count, topk, picks + t * topk);
    }
  }
}

}  // namespace hadal
