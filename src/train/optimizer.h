// Optimizer: Muon for matrices, AdamW for everything else (docs/TRAINING.md says which is which), over fp32
// masters.
//
// Deterministic: every value's step depends on its own numbers alone, or, with Muon, on its matrix. The
// gradients are consumed: zero after step().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "ops/backward.h"
#include "train/parameters.h"

namespace hadal {

struct OptimizerOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-20;
  double weight_decay = 0.1;  // of matrices and embeddings
  double muon_momentum = 0.95;
  double muon_scale = 0.18;  // times sqrt(max(rows, cols))
  int64_t muon_steps = 10;   // the last two of them the settling ones
  double clip = 1.0;         // the most that all gradients together may be long; 0: no limit
};

struct StepResult {
  double gradient_norm = 0;  // before clipping
};

class Optimizer {
 public:
  Optimizer(const Parameters& parameters, const OptimizerOptions& options);

  // One step with these learning rates, step 1, 2 ... Error(kFailure) naming the first tensor whose gradient
  // is not finite; nothing has been changed then.
  StepResult step(int64_t number, double muon_rate, double adam_rate, BackwardOps& ops, ThreadPool& pool);

  static bool uses_muon(const Parameter& p);
  // What a checkpoint must keep, one value for each parameter's: momentum (Muon) or first moment, and AdamW's
  // second moment (unused by Muon's).
  Buffer first, second;

 private:
  void adam(const Parameter& p, int64_t number, double rate, float scale);
  void muon(double rate, float scale, BackwardOps& ops, ThreadPool& pool);

  const Parameters& parameters_;
  OptimizerOptions options_;
  Buffer updates_;  // of Muon's matrices
};

}  // namespace hadal
