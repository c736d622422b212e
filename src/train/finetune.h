// hadal finetune: a model that exists learns from new data, all of it or an adapter beside it; and an adapter
// becomes part of its model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/trainer.h"

namespace hadal {

struct FinetuneOptions {
  std::string model;
  std::vector<std::string> data;  // a folder of hadal data prepare, or what it takes
  std::string out;                // the folder of the run
  int64_t lora_rank = 0;          // 0: the whole model
  double lora_alpha = 0;          // 0: twice the rank
  int64_t steps = 0;              // 0: `epochs` of the data
  double epochs = 2;
  int64_t rows = 4;
  int64_t row_tokens = 512;
  double rate = 0;  // 0: 1e-3 for an adapter, 2e-4 for the whole model
  uint64_t seed = 1;
  int threads = 1;
  int64_t checkpoint_every = 100;
  TrainOptions train;
};

// Trains, then writes what came out and returns its path: OUT/adapter.safetensors, or OUT/model in the form
// that the model's own weights have.
std::string finetune(const FinetuneOptions& options);

struct MergeOptions {
  std::string model;
  std::vector<std::string> data;  // held out: what training did not see
  std::string adapter;
  std::string out;  // the merged model's folder
  int threads = 1;
};

// Over the tokens of the held-out data that are to be predicted.
struct MergeReport {
  int64_t tokens = 0;
  double loss_base = 0;  // nats a token, of the base alone
  double loss_adapter = 0;
  double loss_merged = 0;
  double kl = 0;  // mean KL(base with adapter || merged)
};

// Writes the model with the adapter's changes in its weights, each stored in the form that it had, and
// measures both in the numerics `stored`. Error(kUsage) where OUT holds a model.
MergeReport merge_adapter(const MergeOptions& options);

}  // namespace hadal
