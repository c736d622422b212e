// Gradients of the compressors: the positional bias and the per-channel softmax over a block's slots.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/reference_backward.h"

namespace hadal {

void ReferenceBackward::add_ape(ConstMat d_score, int64_t ratio, int64_t first_position, float* d_ape) {
  for (int64_t t = 0; t < d_score.rows; ++t) {
    float* const row = d_ape + (first_position + t) % ratio * d_score.cols;
    for (int64_t c = 0; c < d_score.cols; ++c) row[c] += d_score.row(t)[c];
  }
}

void ReferenceBackward::compressor_pool(std::span<const PoolSlots> blocks, ConstMat d_out,
                                        std::span<const PoolGradients> d_blocks) {
  CHECK(static_cast<int64_t>(blocks.size()) == d_out.rows && blocks.size() == d_blocks.size());
  std::vector<float> p;
  for (int64_t b = 0; b < d_out.rows; ++b) {
    const PoolSlots& slots = blocks[b];
    p.resize(static_cast<size_t>(slots.count));
    for (int64_t c = 0; c < d_out.cols; ++c) {
      float max = slots.score[0][c];
      for (int64_t s = 1; s < slots.count; ++s) max = std::max(max, slots.score[s][c]);
      float sum = 0;
      float weighted = 0;
      for (int64_t s = 0; s < slots.count; ++s) {
        p[s] = exp_f32(slots.score[s][c] - max);
        sum += p[s];
        weighted = std::fma(p[s], slots.kv[s][c], weighted);
      }
      const float mean = weighted / sum;
      for (int64_t s = 0; s < slots.count; ++s) {
        const float share = p[s] / sum * d_out.row(b)[c];
        d_blocks[b].kv[s][c] += share;
        d_blocks[b].score[s][c] = std::fma(share, slots.kv[s][c] - mean, d_blocks[b].score[s][c]);
      }
    }
  }
}

}  // namespace hadal
