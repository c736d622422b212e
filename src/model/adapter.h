// Adapter: small changes of a frozen model's matrices (LoRA): W x becomes W x + alpha/rank * B (A x).
//
// A safetensors file with NAME.lora_A.weight [rank, in] and NAME.lora_B.weight [out, rank], BF16 or F32, for
// each matrix NAME that it changes, and metadata:
//   format  "hadal-lora-1"          rank   "16"          alpha  "32"
//   base    the checkpoint_fingerprint of the model that it belongs to
// It is applied, not merged: the model's own weights stay as they are stored (ops/low_rank.h has the bits).
#pragma once

#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "model/model.h"
#include "ops/low_rank.h"

namespace hadal {

// A matrix that an adapter can change: wq_a, wq_b, wkv, wo_a and wo_b of a layer's attention, and the
// experts'.
struct AdapterTarget {
  std::string name;  // of its tensor, without ".weight"
  const Weight* weight = nullptr;
};

// In the order of the layers, then the MTP block. Error(kUsage) for members other than DeepSeek-V4.
std::vector<AdapterTarget> adapter_targets(const Model& model);

struct AdapterConfig {
  int64_t rank = 0;
  double alpha = 0;
  std::string base;

  float scale() const { return static_cast<float>(alpha / static_cast<double>(rank)); }
  std::vector<std::pair<std::string, std::string>> metadata() const;
};

class Adapter {
 public:
  // Error(kInvalidModel) for a file that is no adapter, is damaged, or belongs to another model.
  static Adapter open(const std::string& path, const Model& model);

  const AdapterConfig& config() const { return config_; }
  const LowRanks& low_ranks() const { return low_ranks_; }
  std::string fingerprint() const;  // of the whole file

 private:
  explicit Adapter(Safetensors file) : file_(std::move(file)) {}

  Safetensors file_;
  AdapterConfig config_;
  LowRanks low_ranks_;
};

}  // namespace hadal
