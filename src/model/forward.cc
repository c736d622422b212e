// The forward pass, in the reference's order and names. Which rows belong to whom is step.cc's business, what
// each op computes is ops/ops.h's; here is only what follows what. The kinds of attention have files of their
// own.
#include "model/forward.h"

#include <algorithm>
#include <cmath>

#include "model/pass.h"

namespace hadal {
namespace {

// Whether the layer chose entries itself, and blocks for others.
bool picks_entries(const MlaAttention& w) { return w.indexer.has_value(); }
bool picks_entries(const CompressedAttention& w) { return w.keys.picked; }
bool picks_entries(const SharedAttention& w) { return w.indexer.has_value(); }
bool chooses_candidates(const Attention& w) {
  const auto* const shared = std::get_if<SharedAttention>(&w);
  return shared != nullptr && shared->indexer && shared->indexer->chooses_candidates;
}

void moe(Pass& pass, const MoE& w, ConstMat x, Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const auto limit = static_cast<float>(config.swiglu_limit);
  if (w.experts.empty()) return ops.moe(x, nullptr, nullptr, 0, {}, w.shared_experts, limit, y);
  const Mat router = pass.mat(s.router, w.gate.out);
  ops.linear_fp32(x, w.gate, router);
  ops.moe_route(router, w.route, step.ids(), s.expert_ids, s.expert_weights);
  ops.moe(x, s.expert_ids, s.expert_weights, w.route.top_k, w.experts, w.shared_experts, limit, y);
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

}  // namespace

float inverse_sqrt(int64_t n) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(n))); }

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

  if (w.engram) engram(pass, *w.engram, layer, streams);
  ops.rms_norm(read_streams(pass, w.hc_attn, streams), w.attn_norm, eps, x);
  std::visit([&](const auto& attn) { attention(pass, attn, layer, x, y); }, w.attn);
  write_streams(pass, streams, y);

  ops.rms_norm(read_streams(pass, w.hc_ffn, streams), w.ffn_norm, eps, x);
  moe(pass, w.ffn, x, y);
  write_streams(pass, streams, y);
}

ConstMat head(Pass& pass, const NormWeight& norm, const Weight& weight, int64_t logit_rows) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat h = Pass::mat(s.h, {0, logit_rows}, config.hidden_size);
  const Mat logits = Pass::mat(s.logits, {0, logit_rows}, config.vocab_size);
  if (logit_rows == 0) return logits;
  ops.rms_norm(h, norm, eps, h);
  ops.linear_fp32(h, weight, logits);
  return logits;
}

void trace_layer(const Pass& pass, const Workspace& workspace, const Block& w, int64_t layer,
                 ConstMat streams) {
  if (!workspace.trace) return;
  const Scratch& s = pass.s;
  const auto rows = static_cast<size_t>(streams.rows);
  const size_t chosen = rows * static_cast<size_t>(w.ffn.route.top_k);
  LayerTrace trace;
  trace.layer = layer;
  trace.streams = streams;
  trace.experts = {s.expert_ids, chosen};
  trace.expert_weights = {s.expert_weights, chosen};
  const bool picks = std::visit([](const auto& attn) { return picks_entries(attn); }, w.attn);
  if (picks) trace.index_topk = {s.picks, rows * static_cast<size_t>(pass.config.index_topk)};
  if (chooses_candidates(w.attn))
    trace.candidate_blocks = {s.candidates, rows * static_cast<size_t>(pass.config.candidate_topk_blocks)};
  if (w.engram) {
    const size_t count = rows * static_cast<size_t>(pass.config.engram.rows_per_token());
    trace.engram_rows = {s.table_rows + static_cast<size_t>(w.engram->index) * count, count};
    trace.engram_gate = pass.mat(s.gate, pass.hc.mult);
  }
  workspace.trace(trace);
}

ForwardResult forward(const Model& model, std::span<const Slice> batch, Workspace& workspace, Ops& ops) {
  check_batch(batch, workspace, ops);
  Pass pass(model, workspace, ops);
  for (const Slice& slice : batch) {
    slice.state->begin(static_cast<int64_t>(slice.ids.size()));
    pass.step.add(slice.state->layers.data(), slice.state->length(), slice.ids);
  }

  request_engram_rows(pass);
  const Mat x = pass.mat(pass.s.x, model.config().hidden_size);
  const Mat streams = pass.mat(pass.s.streams, pass.hc.mult * model.config().hidden_size);
  ops.embed(model.embed, pass.step.ids(), x);
  ops.hc_expand(x, pass.hc.mult, streams);
  start_streams(pass);
  for (int64_t l = 0; l < static_cast<int64_t>(model.layers.size()); ++l) {
    if (workspace.before_layer) workspace.before_layer(l, streams);
    tap_streams(pass, l, streams);
    const Block& w = model.layers[static_cast<size_t>(l)];
    block(pass, w, l, streams);
    trace_layer(pass, workspace, w, l, streams);
  }

  tap_streams(pass, std::ssize(model.layers), streams);

  int64_t end_row = 0;
  int64_t logit_rows = 0;
  for (const Slice& slice : batch) {
    const auto count = static_cast<int64_t>(slice.ids.size());
    end_row += count;
    collapse(pass, model.hc_head, streams, {end_row - slice.logit_rows, slice.logit_rows}, logit_rows);
    logit_rows += slice.logit_rows;
    slice.state->advance(count);
  }
  const int64_t taps = model.dspark ? std::ssize(model.dspark->taps) * model.config().hidden_size : 0;
  return {head(pass, model.norm, model.head, logit_rows), streams, pass.mat(pass.s.taps, taps)};
}

}  // namespace hadal
