// Pass: what every function of the forward pass needs, and the functions that its files share.
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

float inverse_sqrt(int64_t n);

// One layer over the streams, in place. `layer` is the place of its state in the segments' `layers`.
void block(Pass& pass, const Block& w, int64_t layer, Mat streams /*[t,4d]*/);

// A layer's attention: x [t,d], normed -> y [t,d]. One for each kind.
void attention(Pass& pass, const MlaAttention& w, int64_t layer, ConstMat x, Mat y);
void attention(Pass& pass, const CompressedAttention& w, int64_t layer, ConstMat x, Mat y);
void attention(Pass& pass, const SharedAttention& w, int64_t layer, ConstMat x, Mat y);

// What all kinds share: the tokens' queries in their low rank (in s.qr); where the indexer keys of the blocks
// that finish in this step go; and which of `owner`'s entries each query of the tile picks, into its row of
// s.picks. `choice` gives the two levels, if any, with pointers to row 0 of the step.
Mat low_rank_queries(Pass& pass, const Weight& wq_a, const NormWeight& q_norm, ConstMat x);
void store_finished_keys(Pass& pass, int64_t layer, int64_t ratio, ConstMat keys);
void pick_entries(Pass& pass, int64_t owner, int64_t ratio, Rows tile, Mat q, Mat weights,
                  const IndexChoice& choice = {});

// What the two kinds with a window share: the new window rows; and the way from a tile's rotated queries (in
// s.q) to its rows of y.
void window_rows(Pass& pass, const WindowAttention& w, const RopeFrequencies& rope, ConstMat x);
void attend(Pass& pass, const WindowAttention& w, int64_t layer, Rows tile, const RopeFrequencies& rope,
            Mat y);

// Engram: finds the rows that this step needs of every table, and has them read. Then, in its layer: adds
// what the table says about the last tokens to the streams, in place.
void request_engram_rows(Pass& pass);
void engram(Pass& pass, const Engram& w, int64_t layer, Mat streams);

// DSpark: keeps the mean of the streams where a tap has this many layers before it.
void tap_streams(Pass& pass, int64_t layers, ConstMat streams);

// What a site's norm reads of the streams; after its sub-layer, write_streams() brings y back into them.
ConstMat read_streams(Pass& pass, const HcParams& site, ConstMat streams);
void write_streams(Pass& pass, Mat streams, ConstMat y);
// Before the first layer, for members that carry their mix.
void start_streams(Pass& pass);
// The rows of `part` as one vector each: into the rows of h from first_logit_row on; head() then turns the
// first rows of h into logits.
void collapse(Pass& pass, const HcParams& w, Mat streams, Rows part, int64_t first_logit_row);
ConstMat head(Pass& pass, const NormWeight& norm, const Weight& weight, int64_t logit_rows);

// Shows a layer's result to the workspace's watcher, if there is one.
void trace_layer(const Pass& pass, const Workspace& workspace, const Block& w, int64_t layer,
                 ConstMat streams);

}  // namespace hadal
