// TrainConfig: what a training run is to do, read from a TOML file (docs/TRAINING.md lists every key).
//
// Everything that decides the bits of the result is in settings(): a run goes on only under the same ones.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "train/optimizer.h"
#include "train/residual.h"

namespace hadal {

enum class Schedule { kWsd, kCosine };
// What training simulates of the stored forms: nothing, kv rows and index keys, or all weights too.
enum class Quantise { kNone, kState, kAll };

struct TrainConfig {
  std::string out;  // the folder of the run

  // [model]: either a checkpoint in BF16 or F32, or a preset of make-random with changed keys, newly
  // initialised.
  std::string init;
  std::string preset = "tiny";
  std::vector<std::string> sets;  // KEY=VALUE

  // An adapter of this rank is trained beside `init`, which stays as it is; 0: the whole model.
  int64_t lora_rank = 0;
  double lora_alpha = 0;

  // [data]
  std::string data;       // a folder of hadal data prepare
  std::string tokenizer;  // tokenizer.json to put beside the weights, or empty
  int64_t row_tokens = 512;
  bool curriculum = false;
  uint64_t seed = 1;  // of the data's order and of the first weights

  // [train]
  int64_t steps = 1000;
  int64_t rows = 4;        // of a pass
  int64_t accumulate = 1;  // passes of a step
  int64_t warmup = 500;
  Schedule schedule = Schedule::kWsd;
  double decay = 0.2;  // the last part of the steps, in which the rate falls
  double rate = 2e-3;  // of Muon
  double adam_rate = 2e-3;
  double final_rate = 0.1;  // times the rate, at the end
  Quantise quantise = Quantise::kNone;
  OptimizerOptions optimizer;

  // [loss]
  double mtp = 0.3;
  double mtp_late = 0.1;  // from where the decay begins
  double index = 1.0;
  double balance = 1e-4;
  double bias_speed = 1e-3;

  // [ablation]: arms of experiments; what they train has no official layout
  Residual residual = Residual::kMhc;

  // [run]: does not change the result
  int threads = 1;
  int64_t checkpoint_every = 100;
  int64_t keep = 2;
  int64_t log_every = 10;

  // The learning rate of step 1, 2 ... as a factor.
  double rate_at(int64_t step) const;
  bool decaying(int64_t step) const;
  // Key and value of all that decides the result, in a fixed order.
  std::vector<std::pair<std::string, std::string>> settings() const;
};

// Error(kUsage) naming the file and the key for what is missing, unknown or out of its range.
TrainConfig read_train_config(const std::string& path);

}  // namespace hadal
