// DSpark (spec of V4-0731, section 3; V4.1: A.10): stages behind the main model that draft a block of tokens
// at once. They keep key rows made of the main model's taps, of positions that stay; a block's own rows see
// these and each other, both ways, and are forgotten.
#include <algorithm>

#include "model/pass.h"

namespace hadal {
namespace {

const WindowAttention& window_of(const Attention& attn) {
  if (const auto* const compressed = std::get_if<CompressedAttention>(&attn)) return *compressed;
  return std::get<SharedAttention>(attn);
}

// The first row is the token that is known, the others stand for what follows.
Mat block_streams(Pass& pass, SequenceState& state, int64_t first, int32_t next) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  int32_t ids[kMostDraftRows];
  std::fill_n(ids, config.dspark_block_size, static_cast<int32_t>(config.dspark_noise_token_id));
  ids[0] = next;
  step.add(state.drafter.data(), first, {ids, static_cast<size_t>(config.dspark_block_size)});
  const Mat x = pass.mat(s.x, config.hidden_size);
  const Mat streams = pass.mat(s.mtp_streams, hc.mult * config.hidden_size);
  ops.embed(model.embed, step.ids(), x);
  ops.hc_expand(x, hc.mult, streams);
  start_streams(pass);
  return streams;
}

// Token by token: the head's word, the Markov head's on the token before, and how sure the drafter is.
void choose_tokens(Pass& pass, int32_t next, int64_t count, const ChooseDraft& choose) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Dspark& w = *model.dspark;
  const int64_t d = config.hidden_size;
  const int64_t rank = w.markov_embed.in;
  const int64_t vocab = config.vocab_size;
  const Mat states{s.draft_states, count, d + rank, d + rank};
  for (int64_t i = 0; i < count; ++i) std::copy_n(s.h + i * d, d, states.row(i));
  head(pass, w.norm, model.head, count);
  for (int64_t i = 0; i < count; ++i) {
    const Mat before{states.row(i) + d, 1, rank, rank};
    ops.embed(w.markov_embed, {&next, 1}, before);
    ops.linear_fp32(before, w.markov_head, {s.markov, 1, vocab, vocab});
    float* const logits = s.logits + i * vocab;
    for (int64_t v = 0; v < vocab; ++v) logits[v] += s.markov[v];
    float confidence = 0;
    ops.linear_fp32({states.row(i), 1, d + rank, d + rank}, w.confidence, {&confidence, 1, 1, 1});
    const std::optional<int32_t> chosen = choose({i, {logits, static_cast<size_t>(vocab)}, confidence});
    if (!chosen) return;
    next = *chosen;
  }
}

}  // namespace

void tap_streams(Pass& pass, int64_t layers, ConstMat streams) {
  if (pass.model.dspark == nullptr) return;
  const std::vector<int64_t>& taps = pass.model.dspark->taps;
  const int64_t d = pass.config.hidden_size;
  const int64_t m = pass.hc.mult;
  std::fill_n(pass.s.tap_mix, m, 1.0f / static_cast<float>(m));
  for (int64_t i = 0; i < std::ssize(taps); ++i) {
    if (taps[static_cast<size_t>(i)] != layers) continue;
    const Mat to{pass.s.taps + i * d, streams.rows, d, std::ssize(taps) * d};
    pass.ops.hc_collapse(streams, {pass.s.tap_mix, streams.rows, m, 0}, to);
  }
}

void dspark_keep(const Model& model, SequenceState& state, int64_t first, ConstMat taps, Workspace& workspace,
                 Ops& ops) {
  const Dspark& w = *model.dspark;
  CHECK(std::ssize(state.drafter) == std::ssize(w.stages) && taps.rows <= workspace.max_rows());
  Pass pass(model, workspace, ops);
  pass.step.add_rows(state.drafter.data(), first, taps.rows);
  const Mat x = pass.mat(pass.s.x, model.config().hidden_size);
  ops.linear(taps, w.main_proj, x);
  ops.rms_norm(x, w.main_norm, pass.eps, x);
  for (int64_t stage = 0; stage < std::ssize(w.stages); ++stage) {
    window_rows(pass, window_of(w.stages[static_cast<size_t>(stage)].attn), model.rope_window, x);
    pass.step.keep_window(stage);
  }
}

void dspark_draft(const Model& model, SequenceState& state, int64_t first, int32_t next, int64_t count,
                  const ChooseDraft& choose, Workspace& workspace, Ops& ops) {
  const Dspark& w = *model.dspark;
  CHECK(std::ssize(state.drafter) == std::ssize(w.stages));
  CHECK(model.config().dspark_block_size <= workspace.max_rows());
  CHECK(count >= 1 && count <= model.config().dspark_block_size && count <= workspace.max_logit_rows());
  Pass pass(model, workspace, ops);
  const Mat streams = block_streams(pass, state, first, next);
  for (int64_t stage = 0; stage < std::ssize(w.stages); ++stage) {
    const Block& layer = w.stages[static_cast<size_t>(stage)];
    block(pass, layer, stage, streams);
    trace_layer(pass, workspace, layer, model.config().num_hidden_layers + stage, streams);
  }
  collapse(pass, w.hc_head, streams, {0, count}, 0);
  choose_tokens(pass, next, count, choose);
}

}  // namespace hadal
