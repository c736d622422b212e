// Trainer: a whole training run: first weights or a checkpoint, data, steps, checkpoints, metrics.
//
// A step depends on the step before it, the data and the settings alone: a run that was stopped and went on,
// with any number of threads, has the bits of one that never stopped.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "base/thread_pool.h"
#include "train/data_rows.h"
#include "train/run_folder.h"
#include "train/train_config.h"
#include "train/train_pass.h"

namespace hadal {

struct TrainOptions {
  bool resume = false;
  int64_t stop_after = 0;  // steps in this process; 0: no limit
};

struct StepReport {
  int64_t step = 0;
  double loss = 0;  // nats a token
  double mtp_loss = 0;
  double index_kl = 0;
  double balance = 0;
  double gradient_norm = 0;
  double rate = 0;
  int64_t tokens = 0;
  double seconds = 0;
  double largest_load = 0;      // of any expert, times the mean of its layer
  double routing_entropy = 0;   // of the scores, mean of the layers that route by them; 1: all experts alike
  std::vector<double> streams;  // root mean square of the residual streams before each layer
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
  void check_unchanged(const RunState& saved) const;
  bool may_end_elsewhere(int64_t step, const std::string& steps_before) const;
  StepReport step();
  TrainRows next_rows();
  void move_biases(const std::vector<RouteRecord>& routes);
  void refresh_values();
  void save() const;
  void keep_metrics_to(int64_t step) const;
  void report(const StepReport& report) const;

  TrainConfig config_;
  TrainOptions options_;
  RunFolder folder_;
  FileLock lock_;
  DataSet data_;
  RowReader reader_;
  ThreadPool pool_;
  RunState state_;
  std::string config_json_, tokenizer_json_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Parameters> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<HashTable> tables_;
  std::unique_ptr<TrainPass> pass_;
};

// The hash tables of a model's checkpoint.
std::vector<HashTable> hash_tables(const Model& model);

// Writes the model of a run's newest checkpoint (or of any checkpoint folder with fp32 masters) as the
// official layout has it, and nothing else of the run. The same rounding as in training with quantise =
// "all".
void export_model(const std::string& checkpoint, const std::string& out, StoreMode mode);

}  // namespace hadal
