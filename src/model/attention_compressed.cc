// V4's attention: a window, and entries that the layer makes of 4 tokens (picked by its indexer) or of 128.
#include "model/pass.h"

namespace hadal {
namespace {

// The entries of the blocks that finish in this step: [blocks, w.dim], normed and rotated to their first
// token's position.
Mat compressor(Pass& pass, const Compressor& w, int64_t layer, CompressorRing ring, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat kv = pass.mat(s.compressor_kv, w.coff() * w.dim);
  const Mat score = pass.mat(s.compressor_score, w.coff() * w.dim);
  ops.linear_fp32(x, w.wkv, kv);
  ops.linear_fp32(x, w.wgate, score);
  for (const Segment& segment : step.segments())
    ops.add_ape(score.slice(segment.first_row, segment.rows), w.ape, w.ratio, segment.first_position);

  const std::span<const PoolSlots> blocks =
      step.finished_blocks(w.ratio, w.coff() == 2, layer, ring, kv, score);
  const Mat entries = Pass::mat(s.pooled, {0, static_cast<int64_t>(blocks.size())}, w.dim);
  if (!blocks.empty()) {
    ops.compressor_pool(blocks, entries);
    ops.rms_norm(entries, w.norm, eps, entries);
    ops.rope(entries, w.dim, step.block_positions(), model.rope_compressed, false);
  }
  step.keep_compressor(layer, ring, kv, score);
  return entries;
}

// New keys of the lightning indexer.
void index_keys(Pass& pass, const Compressor& w, int64_t layer, ConstMat x) {
  const Mat keys = compressor(pass, w, layer, &LayerState::index_compressor, x);
  if (keys.rows == 0) return;
  pass.ops.hadamard(keys);
  store_finished_keys(pass, layer, w.ratio, keys);
}

// The lightning indexer: which entries each query of the tile picks.
void indexer(Pass& pass, const Indexer& w, int64_t layer, Rows tile, ConstMat x, ConstMat qr) {
  const ModelConfig& config = pass.config;
  Ops& ops = pass.ops;
  const Scratch& s = pass.s;
  const Mat q = Pass::mat(s.index_q, tile, config.index_n_heads * kIndexDim);
  const Mat weights = Pass::mat(s.index_weights, tile, config.index_n_heads);
  ops.linear(qr, w.wq_b, q);
  ops.rope(q, kIndexDim, pass.step.positions(tile), pass.model.rope_compressed, false);
  ops.hadamard(q);
  ops.linear(x, w.weights_proj, weights);
  pick_entries(pass, layer, 4, tile, q, weights);
}

}  // namespace

void attention(Pass& pass, const CompressedAttention& w, int64_t layer, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t ratio = w.keys.ratio;
  const RopeFrequencies& rope = ratio == 0 ? model.rope_window : model.rope_compressed;
  window_rows(pass, w, rope, x);
  if (ratio != 0) {
    const Mat entries = compressor(pass, w.compressor, layer, &LayerState::compressor, x);
    if (entries.rows > 0) ops.store_kv(entries, step.forms().entries, step.entry_rows(layer, ratio));
  }
  if (ratio == 4) index_keys(pass, w.indexer.compressor, layer, x);

  const Mat qr = low_rank_queries(pass, w.wq_a, w.q_norm, x);
  for (Rows tile = step.query_tile(0, w.keys); tile.count > 0;
       tile = step.query_tile(tile.first + tile.count, w.keys)) {
    const Mat q = Pass::mat(s.q, tile, config.num_attention_heads * config.head_dim);
    ops.linear(qr.slice(tile.first, tile.count), w.wq_b, q);
    ops.head_rms_norm(q, config.head_dim, eps);
    ops.rope(q, config.head_dim, step.positions(tile), rope, false);
    if (ratio == 4)
      indexer(pass, w.indexer, layer, tile, x.slice(tile.first, tile.count),
              qr.slice(tile.first, tile.count));
    attend(pass, w, layer, tile, rope, y);
  }
  if (!w.keys.drafts) step.keep_window(layer);
}

}  // namespace hadal
