// Pass: what every function of the forward pass needs, and the functions that forward.cc and mtp.cc share.
#pragma once

#include "model/model.h"
#include "model/step.h"
#include "model/workspace.h"
#include "ops/ops.h"

namespace hadal {

struct Pass {
  Pass(const Model& model, Workspace& workspace, Ops& ops);

  const Model& model;
  const ModelConfig& config;
  Ops& ops;
  Scratch& s;
  Step step;
  HcConfig hc;
  float eps;

  // A row of this width for each row of the step, or for each of `part`.
  Mat mat(float* data, int64_t cols) const { return {data, step.rows(), cols, cols}; }
  static Mat mat(float* data, Rows part, int64_t cols) { return {data, part.count, cols, cols}; }
};

// One layer over the streams, in place. `layer` is the place of its state in the segments' `layers`.
void block(Pass& pass, const Block& w, int64_t layer, Mat streams /*[t,4d]*/);

// Collapses these rows' streams into the rows of h from first_logit_row on; head() then turns the first rows
// of h into logits.
void hc_head(Pass& pass, const HcParams& w, ConstMat streams, int64_t first_logit_row);
ConstMat head(Pass& pass, const NormWeight& norm, int64_t logit_rows);

}  // namespace hadal
