#include "train/train_pass.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/workspace.h"

namespace hadal {
namespace {

int64_t count_targets(const TrainRows& rows, int64_t distance) {
  const std::vector<int32_t> targets = next_targets(rows, distance);
  return std::count_if(targets.begin(), targets.end(), [](int32_t id) { return id >= 0; });
}

DeviceOptions fp32_on(const DeviceOptions& device) { return {Numerics::kFp32, device.isa, device.threads}; }

// Of every sixteenth row.
double rms_of_sample(ConstMat m) {
  double squares = 0;
  int64_t count = 0;
  for (int64_t t = 0; t < m.rows; t += 16) {
    for (int64_t i = 0; i < m.cols; ++i) squares += static_cast<double>(m.row(t)[i]) * m.row(t)[i];
    count += m.cols;
  }
  return std::sqrt(squares / static_cast<double>(count));
}

}  // namespace

void TrainRows::append(const PackedRow& row) {
  const auto first = static_cast<int64_t>(ids.size());
  ids.insert(ids.end(), row.ids.begin(), row.ids.end());
  is_target.insert(is_target.end(), row.is_target.begin(), row.is_target.end());
  for (size_t part = 1; part < row.parts.size(); ++part) document_ends.push_back(first + row.parts[part]);
  row_ends.push_back(static_cast<int64_t>(ids.size()));
}

int64_t TrainRows::main_targets() const { return count_targets(*this, 1); }
int64_t TrainRows::mtp_targets() const { return count_targets(*this, 2); }

std::vector<int32_t> next_targets(const TrainRows& rows, int64_t distance) {
  std::vector<int32_t> targets(rows.ids.size(), -1);
  for_each_document(rows, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i + distance < end; ++i) {
      if (rows.is_target[i + distance] != 0) targets[i] = rows.ids[i + distance];
    }
  });
  return targets;
}

void forward_rows(const RowsForward& run, const TrainRows& rows, const std::function<void(ConstMat)>& main,
                  const std::function<void(ConstMat)>& mtp) {
  std::vector<Slice> slices;
  for_each_document(rows, [&](int64_t first, int64_t end) {
    slices.push_back(
        {run.states[slices.size()],
         std::span(rows.ids).subspan(static_cast<size_t>(first), static_cast<size_t>(end - first)),
         end - first});
  });
  run.workspace.before_layer = [&](int64_t, Mat streams) { run.before_block(streams); };
  const ForwardResult result = forward(run.model, slices, run.workspace, run.ops);
  run.workspace.before_layer = nullptr;
  main(result.logits);
  if (mtp == nullptr) return;
  // The row after a document's last token has nothing to predict; attention is causal, so it may hold
  // anything.
  std::vector<int32_t> next(rows.ids.begin() + 1, rows.ids.end());
  next.push_back(0);
  std::vector<MtpSlice> mtp_slices;
  for_each_document(rows, [&](int64_t first, int64_t end) {
    mtp_slices.push_back(
        {run.states[mtp_slices.size()], 0,
         std::span(next).subspan(static_cast<size_t>(first), static_cast<size_t>(end - first)), end - first});
  });
  run.before_block({});
  mtp(mtp_forward(run.model, mtp_slices, result.streams, run.workspace, run.ops).logits);
}

TrainPass::TrainPass(const Model& model, const Parameters& parameters, const DeviceOptions& device,
                     int64_t max_rows, int64_t max_document, const TrainPassOptions& options)
    : model_(model),
      options_(options),
      max_document_(max_document),
      forward_(options.adapters == nullptr ? make_ops(fp32_on(device))
                                           : make_ops(fp32_on(device), *options.adapters)),
      backward_(options.adapters == nullptr ? make_backward(device, *forward_)
                                            : make_backward(device, *forward_, *options.adapters)),
      tape_(std::make_unique<TapeOps>(*forward_, *backward_)),
      workspace_(model, max_rows, max_rows) {
  const StateBytes& memory = workspace_.impl().memory;
  tape_->cover(reinterpret_cast<const float*>(memory.data()), memory.size() / 4);
  tape_->set_parameters(parameters.values(), parameters.size(), parameters.gradients());
  tape_->options.frozen_matrices = options.adapters != nullptr;
  tape_->options.residual = options.residual;
  tape_->options.quantise_kv = options.quantise_state;
  tape_->options.quantise_index = options.quantise_state;
  for (const Block& block : model.layers) {
    const auto& attn = std::get<CompressedAttention>(block.attn);
    if (attn.keys.ratio != 4) continue;
    const Indexer& w = attn.indexer;
    for (const Weight* of : {&w.wq_b, &w.weights_proj, &w.compressor.wkv, &w.compressor.wgate})
      tape_->detached.insert(of->data);
  }
}

TrainPass::~TrainPass() = default;

std::vector<SequenceState*> TrainPass::fresh_states(size_t count) {
  const bool with_mtp = options_.with_mtp && model_.mtp != nullptr;
  while (states_.size() < count)
    states_.push_back(
        std::make_unique<SequenceState>(model_.config(), EntryFormat::kF32, max_document_, with_mtp ? 1 : 0));
  std::vector<SequenceState*> fresh;
  for (size_t i = 0; i < count; ++i) {
    states_[i]->truncate(0);
    fresh.push_back(states_[i].get());
  }
  return fresh;
}

PassLosses TrainPass::run(const TrainRows& rows, const LossWeights& weights) {
  const std::vector<SequenceState*> states = fresh_states(rows.document_ends.size());
  tape_->begin_pass();
  tape_->options.index_weight = weights.index;
  tape_->options.balance_weight = weights.balance;
  tape_->sequence_ends = rows.row_ends;

  std::vector<float> losses(rows.ids.size());
  std::vector<int32_t> targets = next_targets(rows, 1);
  tape_->expect_loss({model_.head.data, targets, weights.main, losses});
  const auto sum = [&] { return std::accumulate(losses.begin(), losses.end(), 0.0); };
  PassLosses result;
  const RowsForward run{model_, workspace_, *tape_, states, [&](ConstMat streams) {
                          tape_->begin_block();
                          if (streams.data == nullptr) return;
                          result.stream_rms.push_back(rms_of_sample(streams));
                          result.stream_gains.push_back(tape_->stream_gain());
                        }};
  std::function<void(ConstMat)> mtp;
  if (options_.with_mtp && model_.mtp != nullptr) mtp = [&](ConstMat) { result.mtp = sum(); };
  const auto main = [&](ConstMat) {
    result.main = sum();
    if (mtp == nullptr) return;
    targets = next_targets(rows, 2);
    tape_->expect_loss({model_.mtp->head.value_or(model_.head).data, targets, weights.mtp, losses});
  };
  forward_rows(run, rows, main, mtp);
  result.routes = tape_->routes();
  for (const RouteRecord& route : result.routes) result.balance += route.balance_loss;
  result.index_kl = tape_->backward();
  return result;
}

}  // namespace hadal
