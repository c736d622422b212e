// train bench: how fast a training run's steps are here, beside the fp32 multiply-add peak of the same
// threads and instruction set, measured in turns.
//
// Steps are those of the config's shape on random tokens, each row one document; nothing is read of its data
// and nothing is kept. A ratio is a median over a median.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench.h"
#include "train/train_config.h"

namespace hadal {

struct TrainBenchOptions {
  TrainConfig config;
  int64_t steps = 5;  // that are timed; one more comes first
};

struct TrainBenchResult {
  int64_t threads = 0;
  int64_t tokens = 0;  // of a step
  double flops = 0;    // model FLOPs of a step (train_costs.h)
  Samples step_s, fma_gflops;
  double cpu_s = 0;            // of a step, all threads
  double fma_gflop_cpu_s = 0;  // the peak by second of CPU time
  double rss_mb = 0;
  struct Part {
    std::string name;
    double forward_s = 0;  // of a step
    double backward_s = 0;
  };
  std::vector<Part> parts;  // the ops by kind, then what is between passes

  double tokens_s() const { return static_cast<double>(tokens) / step_s.median(); }
  double gflops() const { return flops / step_s.median() * 1e-9; }
  double ratio() const { return gflops() / fma_gflops.median(); }
  // The same by CPU time, means over means: what other programs on the machine take is left out.
  double cpu_ratio() const { return flops / cpu_s * 1e-9 / fma_gflop_cpu_s; }
};

TrainBenchResult run_train_bench(const TrainBenchOptions& options);

std::string train_bench_json(const TrainBenchResult& result);
std::string train_bench_text(const TrainBenchResult& result);

}  // namespace hadal
