// The residual of a site, in the kind that the member has: what its sub-layer reads, and how the result comes
// back.
#include <algorithm>

#include "model/pass.h"

namespace hadal {

ConstMat read_streams(Pass& pass, const HcParams& site, ConstMat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat u = pass.mat(s.x, config.hidden_size);
  const Mat post = pass.mat(s.post, hc.mult);
  const Mat comb = pass.mat(s.comb, hc.mult * hc.mult);
  switch (config.family.residual) {
    case ResidualKind::kPlain:
      return streams;
    case ResidualKind::kMhc:
      ops.hc_pre(streams, site, hc, u, post, comb);
      break;
    case ResidualKind::kCarriedMhc: {
      const Mat pre = pass.mat(s.pre, hc.mult);
      ops.hc_collapse(streams, pre, u);
      ops.hc_coefficients(streams, site, hc, pre, post, comb);
      break;
    }
  }
  return u;
}

void write_streams(Pass& pass, Mat streams, ConstMat y) {
  const auto& [model, config, ops, s, step, hc, eps] = pass;
  if (config.family.residual == ResidualKind::kPlain) return ops.add(streams, y);
  ops.hc_post(streams, y, pass.mat(s.post, hc.mult), pass.mat(s.comb, hc.mult * hc.mult));
}

void start_streams(Pass& pass) {
  if (pass.config.family.residual != ResidualKind::kCarriedMhc) return;
  const Mat pre = pass.mat(pass.s.pre, pass.hc.mult);
  for (int64_t t = 0; t < pre.rows; ++t) {
    std::fill_n(pre.row(t), pre.cols, 0.0f);
    pre.row(t)[0] = 1;
  }
}

void collapse(Pass& pass, const HcParams& w, Mat streams, Rows part, int64_t first_logit_row) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  if (part.count == 0) return;
  const int64_t d = config.hidden_size;
  const Mat h{s.h + first_logit_row * d, part.count, d, d};
  const ConstMat rows = streams.slice(part.first, part.count);
  switch (config.family.residual) {
    case ResidualKind::kPlain:
      for (int64_t t = 0; t < part.count; ++t) std::copy_n(rows.row(t), d, h.row(t));
      break;
    case ResidualKind::kMhc:
      ops.hc_head(rows, w, hc, h);
      break;
    case ResidualKind::kCarriedMhc:
      ops.hc_collapse(rows, pass.mat(s.pre, hc.mult).slice(part.first, part.count), h);
      break;
  }
}

}  // namespace hadal
