// TrainPass: packed rows -> losses and gradients, in one pass of the model's own forward.
//
// Each document of a packed row is a sequence of its own in the batch: positions, window, compressor blocks
// and MTP targets start anew, to the same bits as the document alone. Gradients are ADDED to the parameters'
// (so several passes accumulate); everything depends on the rows and the parameters only, never on threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/forward.h"
#include "ops/low_rank.h"
#include "train/data_rows.h"
#include "train/parameters.h"
#include "train/tape_ops.h"

namespace hadal {

// The rows of one pass, one after another.
struct TrainRows {
  std::vector<int32_t> ids;
  std::vector<int64_t> document_ends;  // the last is ids.size()
  std::vector<int64_t> row_ends;       // of the packed rows: the sequences of the balance loss
  std::vector<uint8_t> is_target;      // [ids] 1: predicted from what stands before it in its document

  void append(const PackedRow& row);
  int64_t main_targets() const;
  int64_t mtp_targets() const;
};

// What a pass adds to the loss, for each target; a step divides its weights by its number of targets.
struct LossWeights {
  float main = 0;
  float mtp = 0;
  float index = 0;    // of each query
  float balance = 0;  // of each row
};

struct PassLosses {
  double main = 0;  // sums over the targets, in nats
  double mtp = 0;
  double index_kl = 0;              // sum over the queries of all CSA layers
  double balance = 0;               // sum over the rows and layers
  std::vector<RouteRecord> routes;  // layer after layer, then the MTP block
  // Before each layer, over a sample of the tokens: the residual streams' root mean square, and StreamGain.
  std::vector<double> stream_rms, stream_gains;
};

struct TrainPassOptions {
  bool quantise_state = false;  // as --numerics stored would
  bool with_mtp = true;
  const LowRanks* adapters = nullptr;  // of a model whose matrices stay as they are; or none
  Residual residual = Residual::kMhc;
};

class TrainPass {
 public:
  TrainPass(const Model& model, const Parameters& parameters, const DeviceOptions& device, int64_t max_rows,
            int64_t max_document, const TrainPassOptions& options);
  ~TrainPass();

  PassLosses run(const TrainRows& rows, const LossWeights& weights);
  BackwardOps& backward() { return *backward_; }
  int64_t tape_bytes() const { return tape_->bytes(); }
  // What the ops of all passes took so far.
  const OpTimes& times() const { return tape_->times(); }

 private:
  std::vector<SequenceState*> fresh_states(size_t count);

  const Model& model_;
  TrainPassOptions options_;
  int64_t max_document_;
  std::unique_ptr<Ops> forward_;
  std::unique_ptr<BackwardOps> backward_;
  std::unique_ptr<TapeOps> tape_;
  Workspace workspace_;
  std::vector<std::unique_ptr<SequenceState>> states_;
};

// Calls fn(first, end) for each document.
template <typename Fn>
void for_each_document(const TrainRows& rows, Fn fn) {
  int64_t first = 0;
  for (const int64_t end : rows.document_ends) {
    fn(first, end);
    first = end;
  }
}

// Runs the model over the rows: main logits to main(logits), MTP logits to mtp(logits); the targets of each
// row of logits are those of next_targets() with distance 1 and 2. `before_block` is called before each
// block.
struct RowsForward {
  const Model& model;
  Workspace& workspace;
  Ops& ops;
  std::span<SequenceState* const> states;              // one fresh state for each document
  std::function<void(ConstMat streams)> before_block;  // empty before the MTP block
};
// The id `distance` after each token of the same document where it is to be predicted, else -1.
std::vector<int32_t> next_targets(const TrainRows& rows, int64_t distance);
void forward_rows(const RowsForward& run, const TrainRows& rows, const std::function<void(ConstMat)>& main,
                  const std::function<void(ConstMat)>& mtp);

}  // namespace hadal
