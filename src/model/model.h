// Model: a checkpoint's weights under the reference's own names, as views into the mapped files.
//
// Loading checks every shape against the config, so that the forward pass cannot meet a surprise; it reads no
// weight bytes except the hash tables' ids (range-checked). Names follow DeepSeek's inference/model.py.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "ops/ops.h"

namespace hadal {

// Compressor(r, D) of spec 3.6.
struct Compressor {
  int64_t ratio = 0;
  int64_t dim = 0;                 // D
  Weight wkv, wgate;               // [coff*D, d]
  const std::byte* ape = nullptr;  // F32 [ratio, coff*D]
  NormWeight norm;
  int64_t coff() const { return ratio == 4 ? 2 : 1; }
};

struct Indexer {
  Weight wq_b;          // [index_n_heads*128, q_lora]
  Weight weights_proj;  // [index_n_heads, d]
  Compressor compressor;
};

struct Attention {
  int64_t ratio = 0;  // 0 window only, 4 CSA, 128 HCA
  Weight wq_a, wq_b, wkv, wo_a, wo_b;
  NormWeight q_norm, kv_norm;
  const std::byte* attn_sink = nullptr;  // F32 [H]
  Compressor compressor;                 // ratio != 0
  Indexer indexer;                       // ratio == 4
};

struct MoE {
  Weight gate;
  Ops::RouteParams route;
  std::vector<ExpertWeights> experts;
  ExpertWeights shared_experts;
};

struct Block {
  HcParams hc_attn, hc_ffn;
  NormWeight attn_norm, ffn_norm;
  Attention attn;
  MoE ffn;
};

// The autoregressive MTP block (spec 3.9).
struct MtpBlock {
  Block block;
  Weight e_proj, h_proj;
  NormWeight enorm, hnorm, norm;
  HcParams hc_head;
};

class Model {
 public:
  // Error(kInvalidModel) naming the tensor for anything missing or of the wrong shape.
  static Model load(const std::string& dir, LoadMode mode);

  const ModelConfig& config() const { return checkpoint_->config(); }
  const Checkpoint& checkpoint() const { return *checkpoint_; }
  int64_t weight_bytes() const { return weight_bytes_; }  // of the main model and the MTP block, as stored

  Weight embed, head;
  NormWeight norm;
  HcParams hc_head;
  std::vector<Block> layers;
  std::unique_ptr<MtpBlock> mtp;    // null where the checkpoint has none (or has DSpark drafters)
  bool has_dspark = false;          // drafter present, not used yet
  RopeFrequencies rope_window;      // theta 10000, plain
  RopeFrequencies rope_compressed;  // theta 160000, YaRN

 private:
  std::unique_ptr<Checkpoint> checkpoint_;
  int64_t weight_bytes_ = 0;
};

}  // namespace hadal
