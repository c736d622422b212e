// What the lightning indexers of all members have in common: where keys go, and how entries are picked.
#include "model/pass.h"

namespace hadal {

Mat low_rank_queries(Pass& pass, const Weight& wq_a, const NormWeight& q_norm, ConstMat x) {
  const Mat qr = pass.mat(pass.s.qr, pass.config.q_lora_rank);
  pass.ops.linear(x, wq_a, qr);
  pass.ops.rms_norm(qr, q_norm, pass.eps, qr);
  return qr;
}

void store_finished_keys(Pass& pass, int64_t layer, int64_t ratio, ConstMat keys) {
  const Step& step = pass.step;
  step.for_each_finished(ratio, [&](const Segment& segment, Rows blocks) {
    pass.ops.store_index_keys(keys.slice(blocks.first, blocks.count), segment.first_position / ratio,
                              step.index_keys(), segment.layers[layer].index_keys.data());
  });
}

void pick_entries(Pass& pass, int64_t owner, int64_t ratio, Rows tile, Mat q, Mat weights,
                  const IndexChoice& choice) {
  const ModelConfig& config = pass.config;
  const Step& step = pass.step;
  step.for_each_segment(tile, [&](const Segment& segment, Rows rows) {
    const int64_t in_tile = rows.first - tile.first;
    IndexChoice here = choice;
    here.topk = config.index_topk;
    here.picks = pass.s.picks + rows.first * here.topk;
    if (here.within != nullptr) here.within += rows.first * here.top_blocks;
    if (here.best_blocks != nullptr) here.best_blocks += rows.first * here.top_blocks;
    pass.ops.index_topk(q.slice(in_tile, rows.count), weights.slice(in_tile, rows.count),
                        inverse_sqrt(config.index_head_dim * config.index_n_heads),
                        {step.index_keys(), segment.layers[owner].index_keys.data()},
                        step.visible(rows, ratio), here);
  });
}

}  // namespace hadal
