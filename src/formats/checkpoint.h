// Checkpoint: a model folder in the official layout, opened: config, and every tensor of its safetensors
// files by name.
//
// The files are those that model.safetensors.index.json names (or model.safetensors alone), never a glob; an
// index that names a file outside the folder, a tensor that its file lacks, or a tensor in two files is
// Error(kInvalidModel). With LoadMode::kMmap opening reads headers only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/config.h"
#include "formats/safetensors.h"

namespace hadal {

class Checkpoint {
 public:
  static Checkpoint open(const std::string& dir, LoadMode mode);

  const std::string& dir() const { return dir_; }
  const ModelConfig& config() const { return config_; }
  const GenerationConfig& generation() const { return generation_; }  // defaults where the file is absent

  const Tensor* find(std::string_view name) const;  // null if absent
  // All tensors, sorted by name.
  struct Place {
    const NamedTensor* tensor;
    const Safetensors* file;
  };
  const std::vector<Place>& tensors() const { return by_name_; }
  uint64_t tensor_bytes() const { return tensor_bytes_; }
  // Number of distinct N among the names "mtp.N.".
  int64_t mtp_blocks() const;

 private:
  void open_single(LoadMode mode);
  void open_shards(LoadMode mode);
  void check_unlisted(const std::string& index_path) const;

  std::string dir_;
  ModelConfig config_;
  GenerationConfig generation_;
  std::vector<Safetensors> files_;
  std::vector<Place> by_name_;
  uint64_t tensor_bytes_ = 0;
};

}  // namespace hadal
