// The layers of a checkpoint out of its tensors: norms, residual sites, attention, experts. What belongs to a
// drafter is read by read_drafter.cc from the same parts.
#pragma once

#include <cstdint>
#include <string>

#include "formats/config.h"
#include "model/model.h"
#include "model/weight_reader.h"

namespace hadal {

// How the members call the parts of a layer.
struct PartNames {
  const char* attn_norm;
  const char* ffn_norm;
  const char* ffn;
  const char* bias;
  const char* w1;
  const char* w2;
  const char* w3;
};

class BlockReader {
 public:
  BlockReader(WeightReader& reader, const ModelConfig& config);

  Block layer(const std::string& prefix, int64_t layer);
  // A layer of a drafter, which is score-routed and has a window only (MLA: all tokens). `place` is where its
  // state lies among the drafter's.
  struct Experts {
    int64_t routed = 0;
    int64_t per_token = 0;
  };
  Block drafter_layer(const std::string& prefix, int64_t place, const Experts& experts);
  HcParams hc_head(const std::string& prefix);
  Experts main_experts() const { return {config_.n_routed_experts, config_.num_experts_per_tok}; }

 private:
  // `rows` outputs, `scales` of them scaled apart.
  HcParams hc(const std::string& prefix, int64_t rows, int64_t scales);
  HcParams hc_site(const std::string& prefix);
  Block common(const std::string& prefix);
  ExpertWeights expert(const std::string& prefix, int64_t inner);
  MoE dense(const std::string& prefix);
  MoE moe(const std::string& prefix, const Experts& experts, bool hash_routed);

  WeightReader& reader_;
  const ModelConfig& config_;
  const PartNames& names_;
};

}  // namespace hadal
