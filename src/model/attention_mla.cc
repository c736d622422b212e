// Multi-head latent attention of V3 and V3.2, in the absorbed form only: queries go through W_UK and meet the
// latents themselves, results come out through W_UV. The expanded form, cheaper in long chunks, rounds
// otherwise and would make the bits depend on the chunk.
#include "model/pass.h"

namespace hadal {
namespace {

constexpr float kLayerNormEps = 1e-6f;

// Latents and rotated keys of the new tokens, into the state.
void latent_rows(Pass& pass, const MlaAttention& w, int64_t layer, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat kv = pass.mat(s.kv, config.head_dim);
  const Mat latent{kv.data, kv.rows, config.kv_lora_rank, kv.stride};
  ops.linear(x, w.wkv_a, kv);
  ops.rms_norm(latent, w.kv_norm, eps, latent);
  ops.rope(kv, config.head_dim, step.positions(step.all()), model.rope_window, false);
  step.every_row();
  ops.store_kv(kv, step.forms().entries, step.entry_rows(layer, 1));
}

void index_keys(Pass& pass, const MlaIndexer& w, int64_t layer, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat keys = pass.mat(s.index_k, config.index_head_dim);
  ops.linear(x, w.wk, keys);
  ops.layer_norm(keys, w.k_norm, w.k_norm_bias, kLayerNormEps, keys);
  ops.rope(keys, config.index_head_dim, step.positions(step.all()), model.rope_index, false);
  for (const Segment& segment : step.segments())
    ops.store_index_keys(keys.slice(segment.first_row, segment.rows), segment.first_position,
                         step.index_keys(), segment.layers[layer].index_keys.data());
}

void pick(Pass& pass, const MlaIndexer& w, int64_t layer, Rows tile, ConstMat x, ConstMat qr) {
  const ModelConfig& config = pass.config;
  Ops& ops = pass.ops;
  const Scratch& s = pass.s;
  const int64_t dim = config.index_head_dim;
  const Mat q = Pass::mat(s.index_q, tile, config.index_n_heads * dim);
  const Mat weights = Pass::mat(s.index_weights, tile, config.index_n_heads);
  ops.linear(qr, w.wq_b, q);
  ops.rope(q, dim, pass.step.positions(tile), pass.model.rope_index, false);
  ops.linear_fp32(x, w.weights_proj, weights);
  pick_entries(pass, layer, 1, tile, q, weights);
}

}  // namespace

void attention(Pass& pass, const MlaAttention& w, int64_t layer, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t heads = config.num_attention_heads;
  const int64_t nope = config.qk_nope_head_dim;
  const int64_t rope = config.qk_rope_head_dim;
  latent_rows(pass, w, layer, x);
  if (w.indexer) index_keys(pass, *w.indexer, layer, x);

  const ConstMat qr = config.q_lora_rank == 0 ? x : low_rank_queries(pass, w.wq_a, w.q_norm, x);
  for (Rows tile = step.query_tile(0, w.keys); tile.count > 0;
       tile = step.query_tile(tile.first + tile.count, w.keys)) {
    const ConstMat tile_qr = qr.slice(tile.first, tile.count);
    const Mat projected = Pass::mat(s.low, tile, heads * config.query_head_dim());
    const Mat q = Pass::mat(s.q, tile, heads * config.head_dim);
    const Mat o = Pass::mat(s.o, tile, heads * config.head_dim);
    const Mat values = Pass::mat(s.low, tile, heads * config.v_head_dim);
    ops.linear(tile_qr, w.wq_b, projected);
    ops.mla_absorb(projected, w.wkv_b, nope, rope, q);
    ops.rope(q, config.head_dim, step.positions(tile), model.rope_window, false);
    if (w.indexer) pick(pass, *w.indexer, layer, tile, x.slice(tile.first, tile.count), tile_qr);
    ops.sparse_attention(q, step.keys(tile, layer, w.keys), step.forms(), nullptr, w.softmax_scale, o);
    ops.mla_values(o, w.wkv_b, nope, rope, values);
    ops.linear(values, w.wo, y.slice(tile.first, tile.count));
  }
}

}  // namespace hadal
