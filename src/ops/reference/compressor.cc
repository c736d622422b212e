// Compressors (spec 3.6): the positional bias of the scores and the per-channel softmax over a block's slots.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/elementary.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) {
  for (int64_t t = 0; t < score.rows; ++t) {
    const std::byte* const row = ape + (first_position + t) % ratio * score.cols * 4;
    for (int64_t c = 0; c < score.cols; ++c) score.row(t)[c] += load_as<float>(row + c * 4);
  }
}

void ReferenceOps::compressor_pool(std::span<const PoolSlots> blocks, Mat out) {
  CHECK(static_cast<int64_t>(blocks.size()) == out.rows);
  for (int64_t b = 0; b < out.rows; ++b) {
    const PoolSlots& slots = blocks[b];
    for (int64_t c = 0; c < out.cols; ++c) {
      float max = slots.score[0][c];
      for (int64_t s = 1; s < slots.count; ++s) max = std::max(max, slots.score[s][c]);
      float sum = 0;
      float weighted = 0;
      for (int64_t s = 0; s < slots.count; ++s) {
        const float p = exp_f32(slots.score[s][c] - max);
        sum += p;
        weighted = std::fma(p, slots.kv[s][c], weighted);
      }
      out.row(b)[c] = weighted / sum;
    }
  }
  round_activations(out);
}

}  // namespace hadal
