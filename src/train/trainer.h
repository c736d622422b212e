// Trainer: a whole training run: first weights or a checkpoint, data, steps, checkpoints, metrics.
//
// A step depends on the step before it, the data and the settings alone: a run that was stopped and went on,
// with any number of threads, has the bits of one that never stopped.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "base/thread_pool.h"
#include "train/data_rows.h"
#include "train/run_folder.h"
#include "train/step_report.h"
#include "train/train_config.h"
#include "train/train_pass.h"

namespace hadal {

struct TrainOptions {
  bool resume = false;
  int64_t stop_after = 0;  // steps in this process; 0: no limit
  std::string carry = {};  // a carry file that a new run goes on from
};

struct TrainPlan {
  int64_t parameters = 0;
  int64_t active_matrix_parameters = 0;  // a token meets in a product; head and MTP in, embedding rows out
  double flops_per_token = 0;            // model FLOPs of a training step
  int64_t bytes = 0;                     // resident, after one step
  double tokens_s = 0;
  double seconds = 0;  // of all steps
};

class Trainer {
 public:
  // Opens the data and the model; writes the first checkpoint unless it goes on from one. A run that was
  // killed before its first checkpoint begins anew, whether it resumes or not. Error(kUsage) where the run's
  // folder has checkpoints and it does not resume, where it resumes and there is no folder, or where settings
  // or data have changed since, naming what; or where another process trains in the run's folder.
  Trainer(const TrainConfig& config, const TrainOptions& options);
  ~Trainer();

  // All steps that are left.
  void run();
  // One step without writing anything.
  TrainPlan plan();

 private:
  void open_model(const std::string& checkpoint);
  std::string first_checkpoint();
  std::unique_ptr<RunWeights> first_weights(const std::string& scratch);
  double rate_at(int64_t step) const;
  void check_unchanged(const RunState& saved) const;
  bool may_end_elsewhere(int64_t step, const std::string& steps_before) const;
  StepReport step();
  TrainRows next_rows();
  void move_biases(const std::vector<RouteRecord>& routes);
  void save() const;
  // Steps after a checkpoint are made again, so their lines go.
  void keep_metrics_to(int64_t step);
  void report(const StepReport& report);
  void write_report();

  TrainConfig config_;
  TrainOptions options_;
  RunFolder folder_;
  FileLock lock_;
  DataSet data_;
  RowReader reader_;
  ThreadPool pool_;
  RunState state_;
  std::unique_ptr<RunWeights> weights_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<TrainPass> pass_;
  std::vector<StepReport> steps_;  // those of metrics.jsonl
  std::chrono::steady_clock::time_point reported_;
};

// Writes the model of a run's newest checkpoint (or of any checkpoint folder with fp32 masters) as the
// official layout has it, and nothing else of the run. The same rounding as in training with quantise =
// "all".
void export_model(const std::string& checkpoint, const std::string& out, StoreMode mode);

}  // namespace hadal
