// RunFolder: what a training run leaves on disk.
//
//   checkpoints/step-N/   a checkpoint in the official layout with fp32 masters (config.json,
//   model.safetensors,
//                         tokenizer.json), or an adapter (adapter.safetensors), the optimiser's state
//                         (optimizer.safetensors) and state.json
//   latest                the name of the newest whole checkpoint
//   metrics.jsonl         one line a step
//   report.html           the same as curves (train/html_report.h)
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
#include "train/run_weights.h"

namespace hadal {

struct RunState {
  int64_t step = 0;
  int64_t tokens = 0;
  DataPosition position;
  std::string data_sha256;
  std::vector<std::pair<std::string, std::string>> settings;
  int64_t restart = 0;  // the step after which momentum was lost (train/carry.h); 0: never
};

std::string state_json(const RunState& state);
// Error(kInvalidModel) naming `origin`.
RunState parse_state(const std::string& text, const std::string& origin);

class RunFolder {
 public:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  std::string report() const { return path_ + "/report.html"; }
  // For as long as the result lives, no other process can have it. Error(kUsage) where one has it, or where
  // there is no such folder and `create` is not asked for.
  FileLock lock(bool create) const;
  // The folder of the newest checkpoint, empty where there is none.
  std::string latest() const;

  // Writes and syncs one, then forgets all but the newest `keep`.
  void save(const RunState& state, const RunWeights& weights, const Optimizer& optimizer, int64_t keep) const;
  static RunState read_state(const std::string& checkpoint);
  // Also fills the optimiser's state; the weights are RunWeights' business.
  static RunState load(const std::string& checkpoint, Optimizer& optimizer);

 private:
  std::string path_;
};

}  // namespace hadal
