// The forward pass, in the reference's order and names. Which rows belong to whom is step.cc's business, what
// each op computes is ops/ops.h's; here is only what follows what.
#include "model/forward.h"

#include <cmath>

#include "model/pass.h"

namespace hadal {
namespace {

float inverse_sqrt(int64_t n) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(n))); }

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

  const std::span<const PoolSlots> blocks = step.finished_blocks(w, layer, ring, kv, score);
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
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat keys = compressor(pass, w, layer, &LayerState::index_compressor, x);
  if (keys.rows == 0) return;
  ops.hadamard(keys);
  step.for_each_finished(w.ratio, [&](const Segment& segment, Rows blocks) {
    ops.store_index_keys(keys.slice(blocks.first, blocks.count), segment.first_position / w.ratio,
                         step.index_keys(), segment.layers[layer].index_keys.data());
  });
}

// The lightning indexer: which entries each query of the tile picks.
void indexer(Pass& pass, const Indexer& w, int64_t layer, Rows tile, ConstMat x, ConstMat qr) {
  const ModelConfig& config = pass.config;
  Ops& ops = pass.ops;
  const Scratch& s = pass.s;
  const Step& step = pass.step;
  const float score_scale = inverse_sqrt(kIndexDim * config.index_n_heads);
  const Mat q = Pass::mat(s.index_q, tile, config.index_n_heads * kIndexDim);
  const Mat weights = Pass::mat(s.index_weights, tile, config.index_n_heads);
  ops.linear(qr, w.wq_b, q);
  ops.rope(q, kIndexDim, step.positions(tile), pass.model.rope_compressed, false);
  ops.hadamard(q);
  ops.linear(x, w.weights_proj, weights);
  step.for_each_segment(tile, [&](const Segment& segment, Rows rows) {
    const int64_t in_tile = rows.first - tile.first;
    ops.index_topk(q.slice(in_tile, rows.count), weights.slice(in_tile, rows.count), score_scale,
                   {step.index_keys(), segment.layers[layer].index_keys.data()}, step.visible(rows, 4),
                   {.topk = config.index_topk, .picks = s.picks + rows.first * config.index_topk});
  });
}

void attention(Pass& pass, const Attention& w, int64_t layer, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t c = config.head_dim;
  const int64_t heads_width = config.num_attention_heads * c;
  const RopeFrequencies& rope = w.ratio == 0 ? model.rope_window : model.rope_compressed;

  const Mat kv = pass.mat(s.kv, c);
  ops.linear(x, w.wkv, kv);
  ops.rms_norm(kv, w.kv_norm, eps, kv);
  ops.rope(kv, c, step.positions(step.all()), rope, false);
  ops.store_kv(kv, step.forms().window, step.new_kv_rows());
  if (w.ratio != 0) {
    const Mat entries = compressor(pass, w.compressor, layer, &LayerState::compressor, x);
    if (entries.rows > 0) ops.store_kv(entries, step.forms().entries, step.entry_rows(layer, w.ratio));
  }
  if (w.ratio == 4) index_keys(pass, w.indexer.compressor, layer, x);

  const Mat qr = pass.mat(s.qr, config.q_lora_rank);
  ops.linear(x, w.wq_a, qr);
  ops.rms_norm(qr, w.q_norm, eps, qr);
  for (Rows tile = step.query_tile(0, w.ratio); tile.count > 0;
       tile = step.query_tile(tile.first + tile.count, w.ratio)) {
    const Mat q = Pass::mat(s.q, tile, heads_width);
    const Mat o = Pass::mat(s.o, tile, heads_width);
    const Mat low = Pass::mat(s.low, tile, config.o_groups * config.o_lora_rank);
    ops.linear(qr.slice(tile.first, tile.count), w.wq_b, q);
    ops.head_rms_norm(q, c, eps);
    ops.rope(q, c, step.positions(tile), rope, false);
    if (w.ratio == 4)
      indexer(pass, w.indexer, layer, tile, x.slice(tile.first, tile.count),
              qr.slice(tile.first, tile.count));
    ops.sparse_attention(q, step.keys(tile, layer, w.ratio), step.forms(), w.attn_sink, inverse_sqrt(c), o);
    ops.rope(o, c, step.positions(tile), rope, true);
    ops.linear_grouped(o, w.wo_a, config.o_groups, low);
    ops.linear(low, w.wo_b, y.slice(tile.first, tile.count));
  }
  step.keep_window(layer);
}

void moe(Pass& pass, const MoE& w, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat router = pass.mat(s.router, config.n_routed_experts);
  ops.linear_fp32(x, w.gate, router);
  ops.moe_route(router, w.route, step.ids(), s.expert_ids, s.expert_weights);
  ops.moe(x, s.expert_ids, s.expert_weights, w.route.top_k, w.experts, w.shared_experts,
          static_cast<float>(config.swiglu_limit), y);
}

void check_batch(std::span<const Slice> batch, const Workspace& workspace, const Ops& ops) {
  int64_t rows = 0;
  int64_t logit_rows = 0;
  for (const Slice& slice : batch) {
    const auto count = static_cast<int64_t>(slice.ids.size());
    CHECK(count > 0);
    CHECK(slice.logit_rows >= 0 && slice.logit_rows <= count);
    CHECK(slice.state->format() == ops.entry_format());
    rows += count;
    logit_rows += slice.logit_rows;
  }
  CHECK(rows <= workspace.max_rows() && logit_rows <= workspace.max_logit_rows());
}

void trace_layer(const Pass& pass, const Workspace& workspace, int64_t layer, ConstMat streams) {
  const Block& w = pass.model.layers[static_cast<size_t>(layer)];
  const auto rows = static_cast<size_t>(streams.rows);
  LayerTrace trace{layer, streams, {}, {pass.s.expert_ids, rows * static_cast<size_t>(w.ffn.route.top_k)}};
  if (w.attn.ratio == 4)
    trace.index_topk = {pass.s.picks, rows * static_cast<size_t>(pass.config.index_topk)};
  workspace.trace(trace);
}

}  // namespace

Pass::Pass(const Model& model_, Workspace& workspace, Ops& ops_)
    : model(model_),
      config(model.config()),
      ops(ops_),
      s(workspace.impl().scratch),
      step(config, ops.entry_format(), s),
      hc{config.hc_mult, config.hc_sinkhorn_iters, static_cast<float>(config.rms_norm_eps),
         static_cast<float>(config.hc_eps)},
      eps(static_cast<float>(config.rms_norm_eps)) {}

void block(Pass& pass, const Block& w, int64_t layer, Mat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat x = pass.mat(s.x, config.hidden_size);
  const Mat y = pass.mat(s.y, config.hidden_size);
  const Mat post = pass.mat(s.post, hc.mult);
  const Mat comb = pass.mat(s.comb, hc.mult * hc.mult);

  ops.hc_pre(streams, w.hc_attn, hc, x, post, comb);
  ops.rms_norm(x, w.attn_norm, eps, x);
  attention(pass, w.attn, layer, x, y);
  ops.hc_post(streams, y, post, comb);

  ops.hc_pre(streams, w.hc_ffn, hc, x, post, comb);
  ops.rms_norm(x, w.ffn_norm, eps, x);
  moe(pass, w.ffn, x, y);
  ops.hc_post(streams, y, post, comb);
}

void hc_head(Pass& pass, const HcParams& w, ConstMat streams, int64_t first_logit_row) {
  const int64_t d = pass.config.hidden_size;
  if (streams.rows == 0) return;
  pass.ops.hc_head(streams, w, pass.hc, {pass.s.h + first_logit_row * d, streams.rows, d, d});
}

ConstMat head(Pass& pass, const NormWeight& norm, int64_t logit_rows) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat h = Pass::mat(s.h, {0, logit_rows}, config.hidden_size);
  const Mat logits = Pass::mat(s.logits, {0, logit_rows}, config.vocab_size);
  if (logit_rows == 0) return logits;
  ops.rms_norm(h, norm, eps, h);
  ops.linear_fp32(h, model.head, logits);
  return logits;
}

ForwardResult forward(const Model& model, std::span<const Slice> batch, Workspace& workspace, Ops& ops) {
  check_batch(batch, workspace, ops);
  Pass pass(model, workspace, ops);
  for (const Slice& slice : batch) {
    slice.state->begin(static_cast<int64_t>(slice.ids.size()));
    pass.step.add(slice.state->layers.data(), slice.state->length(), slice.ids);
  }

  const Mat x = pass.mat(pass.s.x, model.config().hidden_size);
  const Mat streams = pass.mat(pass.s.streams, pass.hc.mult * model.config().hidden_size);
  ops.embed(model.embed, pass.step.ids(), x);
  ops.hc_expand(x, pass.hc.mult, streams);
  for (int64_t l = 0; l < static_cast<int64_t>(model.layers.size()); ++l) {
    if (workspace.before_layer) workspace.before_layer(l, streams);
    block(pass, model.layers[static_cast<size_t>(l)], l, streams);
    if (workspace.trace) trace_layer(pass, workspace, l, streams);
  }

  int64_t end_row = 0;
  int64_t logit_rows = 0;
  for (const Slice& slice : batch) {
    const auto count = static_cast<int64_t>(slice.ids.size());
    end_row += count;
    hc_head(pass, model.hc_head, streams.slice(end_row - slice.logit_rows, slice.logit_rows), logit_rows);
    logit_rows += slice.logit_rows;
    slice.state->advance(count);
  }
  return {head(pass, model.norm, logit_rows), streams};
}

}  // namespace hadal
