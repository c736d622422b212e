// index_topk over the pool: many tokens go whole to a worker each; of a few tokens the keys are shared by
// all.
#include <algorithm>
#include <bit>
#include <numeric>

#include "ops/cpu/cpu_ops.h"
#include "ops/reference/index_topk.h"
#include "quant/small_floats.h"

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
  const int64_t dim = keys.form.dim;
  std::fill(scratch.w.begin(), scratch.w.end(), 0.0f);
  for (int64_t h = 0; h < heads; ++h) scratch.w[h] = w[h] * score_scale;
  const bool fp4 = keys.form.form == IndexForm::kFp4;
  if (fp4) {
    index_.quantise(q, heads, scratch.queries.data());
    std::fill(scratch.queries.begin() + heads, scratch.queries.end(), IndexQuery{});
  } else if (keys.form.form == IndexForm::kFp8) {
    scratch.values.resize(static_cast<size_t>(heads * dim));
    for (int64_t h = 0; h < heads; ++h) {
      uint8_t codes[kMostIndexDim];
      scratch.w[h] *= quantise_index_vector8(q + h * dim, dim, codes);
      std::transform(codes, codes + dim, scratch.values.begin() + h * dim, e4m3_to_f32);
    }
    q = scratch.values.data();
  }
  return {.q = q,
          .dim = dim,
          .queries = scratch.queries.data(),
          .w = scratch.w.data(),
          .heads = fp4 ? static_cast<int64_t>(scratch.queries.size()) : heads,
          .keys = keys.data,
          .count = visible,
          .order = scratch.order.data()};
}

void CpuOps::pick_scored(const IndexJob& job, const IndexChoice& choice, int64_t t, IndexScratch& scratch) {
  if (choice.block == 0)
    return index_.pick_best(job.order, job.count, choice.topk, choice.picks + t * choice.topk);
  scratch.scores.resize(static_cast<size_t>(job.count));
  std::transform(job.order, job.order + job.count, scratch.scores.begin(),
                 [](int32_t order) { return std::bit_cast<float>(order ^ (order >> 31 & INT32_MAX)); });
  choose(scratch.scores, choice, t);
}

void CpuOps::index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                        std::span<const int64_t> visible, const IndexChoice& choice) {
  const bool fp4 = keys.form.form == IndexForm::kFp4;
  if (keys.form.dim % (fp4 ? kIndexDim : 16) != 0 || (fp4 && keys.form.dim != kIndexDim))
    return ReferenceOps::index_topk(q, w, score_scale, keys, visible, choice);
  CHECK(q.cols == w.cols * keys.form.dim && static_cast<int64_t>(visible.size()) == q.rows &&
        w.rows == q.rows);
  const auto score = fp4                                 ? index_.scores_stored
                     : keys.form.form == IndexForm::kFp8 ? index_.scores_fp8
                                                         : index_.scores_f32;
  const int workers = pool_.threads();
  const bool alone = workers == 1 || q.rows / 2 >= workers;
  const int64_t most = q.rows == 0 ? 0 : *std::max_element(visible.begin(), visible.end());
  for (int i = 0; i < (alone ? workers : 1); ++i) index_scratch_[i].reserve(w.cols, most);

  // True where the token's choice did not need scores and is made.
  const auto chosen_unscored = [&](int64_t t) {
    if (needs_scores(visible[t], choice)) return false;
    if (choice.block > 0) {
      choose(std::vector<float>(static_cast<size_t>(visible[t])), choice, t);
    } else {
      int64_t* const row = choice.picks + t * choice.topk;
      std::iota(row, row + visible[t], 0);
      std::fill(row + visible[t], row + choice.topk, -1);
    }
    return true;
  };
  const auto job_of = [&](int64_t t, int scratch) {
    return index_job(q.row(t), w.row(t), w.cols, score_scale, keys, visible[t], index_scratch_[scratch]);
  };
  if (alone) {
    pool_.run([&](int worker) {
      for (int64_t t = worker; t < q.rows; t += workers) {
        if (chosen_unscored(t)) continue;
        const IndexJob job = job_of(t, worker);
        score(job, 0, up_to(visible[t], kIndexStepKeys));
        pick_scored(job, choice, t, index_scratch_[worker]);
      }
    });
    return;
  }
  for (int64_t t = 0; t < q.rows; ++t) {
    if (chosen_unscored(t)) continue;
    const IndexJob job = job_of(t, 0);
    pool_.run([&](int worker) {
      const Range part = part_of(up_to(visible[t], kIndexStepKeys), worker, workers, kIndexStepKeys);
      score(job, part.first, part.last);
    });
    pick_scored(job, choice, t, index_scratch_[0]);
  }
}

}  // namespace hadal
