#include "train/finetune.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "train/held_out.h"
#include "train/side_files.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

bool is_quantised(const std::string& dir) {
  const Checkpoint checkpoint = Checkpoint::open(dir, LoadMode::kMmap);
  return std::ranges::any_of(checkpoint.tensors(), [](const Checkpoint::Place& place) {
    return place.tensor->tensor.dtype == DType::kF8E4M3 || place.tensor->tensor.dtype == DType::kI8;
  });
}

TrainConfig config_of(const FinetuneOptions& options, const std::string& data, bool quantised) {
  const bool lora = options.lora_rank > 0;
  TrainConfig config;
  config.out = options.out;
  config.init = options.model;
  config.data = data;
  config.lora_rank = options.lora_rank;
  config.lora_alpha =
      options.lora_alpha > 0 ? options.lora_alpha : 2 * static_cast<double>(options.lora_rank);
  config.rows = options.rows;
  config.row_tokens = options.row_tokens;
  config.seed = options.seed;
  config.threads = options.threads;
  config.checkpoint_every = options.checkpoint_every;
  config.rate = options.rate > 0 ? options.rate : lora ? 1e-3 : 2e-4;
  config.adam_rate = config.rate;
  config.schedule = Schedule::kCosine;
  config.quantise = quantised && !lora ? Quantise::kAll : Quantise::kState;
  config.mtp = config.mtp_late = 0.1;
  if (lora) {  // the router and the indexer stay as they are
    config.optimizer.weight_decay = 0;
    config.index = config.balance = config.bias_speed = 0;
  }
  config.steps = options.steps;
  if (config.steps == 0) {
    const DataSet set = DataSet::open(data);
    RowReader rows(set, {static_cast<uint64_t>(config.row_tokens), config.seed, false});
    const double all = options.epochs * static_cast<double>(rows.rows(0));
    config.steps = std::max<int64_t>(1, std::llround(all / static_cast<double>(config.rows)));
  }
  config.warmup = std::min<int64_t>(20, config.steps / 10);
  return config;
}

}  // namespace

std::string finetune(const FinetuneOptions& options) {
  make_folder(options.out);
  const std::string data = prepared_data(options.data, options.model, options.out + "/data");
  const bool quantised = is_quantised(options.model);
  Trainer trainer(config_of(options, data, quantised), options.train);
  trainer.run();
  const std::string latest = RunFolder(options.out).latest();
  if (options.lora_rank > 0) {
    const std::string path = options.out + "/adapter.safetensors";
    export_adapter(latest, path);
    return path;
  }
  const std::string path = options.out + "/model";
  fs::remove_all(path);
  export_model(latest, path, quantised ? StoreMode::kFp8Fp4 : StoreMode::kBf16);
  copy_side_files(options.model, path);
  fs::remove(path + "/model.safetensors.index.json");  // of the base's shards; the result is one file
  return path;
}

}  // namespace hadal
