// RunFolder: what a training run leaves on disk.
//
//   checkpoints/step-N/   a checkpoint in the official layout with fp32 masters (config.json,
//   model.safetensors,
//                         tokenizer.json), the optimiser's state (optimizer.safetensors) and state.json
//   latest                the name of the newest whole checkpoint
//   metrics.jsonl         one line a step
//   lock                  held by the process that trains here
//
// A checkpoint is written beside its place, synced and renamed, then `latest` is replaced: a crash at any
// moment, or a full disk, leaves the one before it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_lock.h"
#include "base/json.h"
#include "train/data_rows.h"
#include "train/optimizer.h"
#include "train/stored_weights.h"

namespace hadal {

struct RunState {
  int64_t step = 0;
  int64_t tokens = 0;
  DataPosition position;
  std::string data_sha256;
  std::vector<std::pair<std::string, std::string>> settings;
};

// I64 tables that training does not change.
struct HashTable {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<int64_t> ids;
};

// A model folder with the parameters in this form. `files` are copied into it from `from` where they exist.
void write_model(const std::string& dir, const std::string& config_json, const Parameters& parameters,
                 const float* values, const std::vector<HashTable>& tables, StoreMode mode);

class RunFolder {
 public:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  // For as long as the result lives, no other process can have it. Error(kUsage) where one has it, or where
  // there is no such folder and `create` is not asked for.
  FileLock lock(bool create) const;
  // The folder of the newest checkpoint, empty where there is none.
  std::string latest() const;

  // Writes and syncs one, then forgets all but the newest `keep`.
  void save(const RunState& state, const std::string& config_json, const std::string& tokenizer_json,
            const Parameters& parameters, const std::vector<HashTable>& tables, const Optimizer& optimizer,
            int64_t keep) const;
  // Fills the optimiser's state; the weights come from Model::load of the same folder.
  static RunState load(const std::string& checkpoint, Optimizer& optimizer);

 private:
  std::string path_;
};

}  // namespace hadal
