// The multi-token prediction block (spec 3.9, V3.2: D.6): the main model's streams at a position and the next
// token's id give the logits of the token after it.
#include <algorithm>

#include "model/pass.h"

namespace hadal {
namespace {

// V4: X'[k] = e_proj * norm(embed[next]) + h_proj * norm(X[k]) for each stream k.
void stream_input(Pass& pass, const MtpBlock& w, ConstMat main_streams, Mat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t d = config.hidden_size;
  const Mat e = pass.mat(s.x, d);
  const Mat e_projected = pass.mat(s.y, d);
  ops.embed(w.embed.value_or(model.embed), step.ids(), e);
  ops.rms_norm(e, w.enorm, eps, e);
  ops.linear(e, w.e_proj, e_projected);

  for (int64_t first = 0; first < streams.rows; first += kQueryTile) {
    // Every stream as a row of its own: [t, 4d] -> [4t, d].
    const int64_t rows = std::min(kQueryTile, streams.rows - first) * hc.mult;
    const Mat h{s.q, rows, d, d};
    ops.rms_norm({main_streams.row(first), rows, d, d}, w.hnorm, eps, h);
    ops.linear(h, w.h_proj, {streams.row(first), rows, d, d});
  }
  for (int64_t k = 0; k < hc.mult; ++k)
    ops.add({streams.data + k * d, streams.rows, d, streams.stride}, e_projected);
}

// V3, V3.2: eh_proj * [norm(embed[next]), norm(h)], h the main model's state behind its last norm.
void concatenated_input(Pass& pass, const MtpBlock& w, ConstMat main_streams, Mat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t d = config.hidden_size;
  for (int64_t first = 0; first < streams.rows; first += kQueryTile) {
    const int64_t rows = std::min(kQueryTile, streams.rows - first);
    const Mat both{s.q, rows, 2 * d, 2 * d};
    const Mat e{both.data, rows, d, both.stride};
    const Mat h{both.data + d, rows, d, both.stride};
    ops.embed(w.embed.value_or(model.embed),
              step.ids().subspan(static_cast<size_t>(first), static_cast<size_t>(rows)), e);
    ops.rms_norm(e, w.enorm, eps, e);
    ops.rms_norm(main_streams.slice(first, rows), model.norm, eps, h);
    ops.rms_norm(h, w.hnorm, eps, h);
    ops.linear(both, w.eh_proj, streams.slice(first, rows));
  }
}

}  // namespace

ForwardResult mtp_forward(const Model& model, SequenceState& state, int64_t first, ConstMat main_streams,
                          std::span<const int32_t> next_ids, int64_t logit_rows, Workspace& workspace,
                          Ops& ops) {
  if (logit_rows < 0) logit_rows = static_cast<int64_t>(next_ids.size());
  const MtpSlice slice{&state, first, next_ids, logit_rows};
  return mtp_forward(model, {&slice, 1}, main_streams, workspace, ops);
}

ForwardResult mtp_forward(const Model& model, std::span<const MtpSlice> batch, ConstMat main_streams,
                          Workspace& workspace, Ops& ops) {
  CHECK(model.mtp != nullptr && main_streams.stride == main_streams.cols);
  Pass pass(model, workspace, ops);
  for (const MtpSlice& slice : batch) {
    CHECK(!slice.state->drafter.empty());
    CHECK(slice.logit_rows <= static_cast<int64_t>(slice.next_ids.size()));
    pass.step.add(slice.state->drafter.data(), slice.first, slice.next_ids);
  }
  CHECK(main_streams.rows == pass.step.rows() && pass.step.rows() <= workspace.max_rows());

  const MtpBlock& w = *model.mtp;
  const Mat streams = pass.mat(pass.s.mtp_streams, main_streams.cols);
  const bool plain = model.config().family.residual == ResidualKind::kPlain;
  (plain ? concatenated_input : stream_input)(pass, w, main_streams, streams);
  block(pass, w.block, 0, streams);
  trace_layer(pass, workspace, w.block, model.config().num_hidden_layers, streams);
  int64_t end_row = 0;
  int64_t logit_rows = 0;
  for (const MtpSlice& slice : batch) {
    end_row += static_cast<int64_t>(slice.next_ids.size());
    CHECK(logit_rows + slice.logit_rows <= workspace.max_logit_rows());
    collapse(pass, w.hc_head, streams, {end_row - slice.logit_rows, slice.logit_rows}, logit_rows);
    logit_rows += slice.logit_rows;
  }
  return {head(pass, w.norm, w.head.value_or(model.head), logit_rows), streams, {}};
}

}  // namespace hadal
