// RunWeights: what a run trains and keeps in its checkpoints: all weights of a model (WholeModel), or an
// adapter beside a model that stays as it is (LoraModel).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "model/adapter.h"
#include "train/data_shards.h"
#include "train/parameters.h"
#include "train/residual.h"
#include "train/stored_weights.h"

namespace hadal {

class RunWeights {
 public:
  virtual ~RunWeights() = default;

  virtual const Model& model() const = 0;
  // What the optimiser moves, and what the model's own views read.
  virtual const Parameters& parameters() const = 0;
  virtual const Parameters& views() const { return parameters(); }
  virtual const LowRanks* adapters() const { return nullptr; }
  // As what the pass sees the masters.
  virtual StoreMode seen_as() const = 0;
  // The files of a checkpoint, with the masters as they are.
  virtual void write(const std::string& dir) const = 0;

  // What the pass reads <- the masters.
  void refresh(ThreadPool& pool) const { round_values(parameters(), seen_as(), pool); }
};

// I64 tables that training does not change.
struct HashTable {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<int64_t> ids;
};

class WholeModel final : public RunWeights {
 public:
  // Of a folder in the official layout; quantised weights become what they are worth. Error(kUsage) where
  // `seen_as` cannot hold a tensor.
  WholeModel(const std::string& dir, StoreMode seen_as);
  // First values in place of those of the folder; the hash tables by the frequencies in `data`.
  void begin(const DataSet& data, uint64_t seed, Residual residual);
  void set_tokenizer(std::string json) { tokenizer_json_ = std::move(json); }

  const Model& model() const override { return model_; }
  const Parameters& parameters() const override { return parameters_; }
  StoreMode seen_as() const override { return seen_as_; }
  void write(const std::string& dir) const override { write_as(dir, StoreMode::kF32); }
  // The same folder with the weights in this form.
  void write_as(const std::string& dir, StoreMode mode) const;
  // The weights and hash tables alone, as one file.
  void write_weights(const std::string& path, StoreMode mode,
                     const std::vector<std::pair<std::string, std::string>>& metadata) const;

  const std::string& config_json() const { return config_json_; }
  const std::string& tokenizer_json() const { return tokenizer_json_; }

 private:
  Model model_;
  StoreMode seen_as_;
  std::vector<HashTable> tables_;
  std::string config_json_, tokenizer_json_;
  Parameters parameters_;
};

// The base is read where it lies; a checkpoint is adapter.safetensors with F32 masters.
class LoraModel final : public RunWeights {
 public:
  // First values: A random by the seed, B zero.
  LoraModel(const std::string& base, int64_t rank, double alpha, uint64_t seed);
  // Those of a checkpoint. Error(kInvalidModel) unless it belongs to this base.
  LoraModel(const std::string& base, const std::string& checkpoint);

  const Model& model() const override { return model_; }
  const Parameters& parameters() const override { return *parameters_; }
  const Parameters& views() const override { return vectors_; }
  const LowRanks* adapters() const override { return &low_ranks_; }
  StoreMode seen_as() const override { return StoreMode::kBf16; }
  void write(const std::string& dir) const override;

 private:
  void make_room(const AdapterConfig& config);

  Model model_;
  Parameters vectors_;
  AdapterConfig config_;
  std::unique_ptr<Parameters> parameters_;
  LowRanks low_ranks_;
};

// The adapter of a checkpoint's folder as a file of its own, in BF16: what was trained, to the bit.
void export_adapter(const std::string& checkpoint, const std::string& path);

}  // namespace hadal
