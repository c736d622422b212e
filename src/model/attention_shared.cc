// V4.1's attention: a window of the layer's own, and entries of a cache that the layers of a group share. Its
// owner fills it, indexers pick from it (behind the candidate source only within the blocks that it chose),
// and the layers between them reuse the last picks, which wait in the scratch.
#include "model/pass.h"

namespace hadal {
namespace {

// The latents of the entries that finish in this step, normed, not yet rotated: [entries, head_dim].
Mat latents(Pass& pass, const SharedCache& w, int64_t layer, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat kv = pass.mat(s.compressor_kv, config.head_dim);
  ops.linear_fp32(x, w.wkv, kv);
  Mat entries = kv;
  if (w.ratio == 1) {
    step.every_row();
  } else {
    const Mat score = pass.mat(s.compressor_score, config.head_dim);
    ops.linear_fp32(x, w.wgate, score);
    const std::span<const PoolSlots> blocks =
        step.finished_blocks(w.ratio, false, layer, &LayerState::compressor, kv, score);
    entries = Pass::mat(s.pooled, {0, static_cast<int64_t>(blocks.size())}, config.head_dim);
    if (!blocks.empty()) ops.compressor_pool(blocks, entries);
    step.keep_compressor(layer, &LayerState::compressor, kv, score);
  }
  if (entries.rows > 0) ops.rms_norm(entries, w.norm, eps, entries);
  return entries;
}

void fill_cache(Pass& pass, const SharedCache& w, int64_t layer, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat entries = latents(pass, w, layer, x);
  if (entries.rows == 0) return;
  const Mat keys = Pass::mat(s.index_k, {0, entries.rows}, config.index_head_dim);
  ops.linear(entries, w.wk, keys);
  ops.rms_norm(keys, w.k_norm, eps, keys);
  ops.rope(keys, config.index_head_dim, step.block_positions(), model.rope_index, false);
  store_finished_keys(pass, layer, w.ratio, keys);
  ops.rope(entries, config.head_dim, step.block_positions(), model.rope_compressed, false);
  ops.store_kv(entries, step.forms().entries, step.entry_rows(layer, w.ratio));
}

void pick(Pass& pass, const SharedIndexer& w, const KeySource& keys, Rows tile, ConstMat x, ConstMat qr) {
  const ModelConfig& config = pass.config;
  Ops& ops = pass.ops;
  const Scratch& s = pass.s;
  const int64_t dim = config.index_head_dim;
  const Mat q = Pass::mat(s.index_q, tile, config.index_n_heads * dim);
  const Mat weights = Pass::mat(s.index_weights, tile, config.index_n_heads);
  ops.linear(qr, w.wq_b, q);
  ops.rope(q, dim, pass.step.positions(tile), pass.model.rope_index, false);
  ops.linear(x, w.weights_proj, weights);
  IndexChoice choice;
  if (w.chooses_candidates || w.within_candidates) {
    choice.block = config.candidate_block_size;
    choice.top_blocks = config.candidate_topk_blocks;
    if (w.chooses_candidates) choice.best_blocks = s.candidates;
    if (w.within_candidates) choice.within = s.candidates;
  }
  pick_entries(pass, keys.owner, keys.ratio, tile, q, weights, choice);
}

}  // namespace

void attention(Pass& pass, const SharedAttention& w, int64_t layer, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const RopeFrequencies& rope = w.keys.ratio == 0 ? model.rope_window : model.rope_compressed;
  window_rows(pass, w, rope, x);
  if (w.cache) fill_cache(pass, *w.cache, layer, x);

  const Mat qr = low_rank_queries(pass, w.wq_a, w.q_norm, x);
  for (Rows tile = step.query_tile(0, w.keys); tile.count > 0;
       tile = step.query_tile(tile.first + tile.count, w.keys)) {
    const Mat q = Pass::mat(s.q, tile, config.num_attention_heads * config.head_dim);
    ops.linear(qr.slice(tile.first, tile.count), w.wq_b, q);
    ops.rope(q, config.head_dim, step.positions(tile), rope, false);
    if (w.indexer)
      pick(pass, *w.indexer, w.keys, tile, x.slice(tile.first, tile.count), qr.slice(tile.first, tile.count));
    attend(pass, w, layer, tile, rope, y);
  }
  if (!w.keys.drafts) step.keep_window(layer);
}

}  // namespace hadal
