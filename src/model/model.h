// Model: a checkpoint's weights under the reference's own names, as views into the mapped files.
//
// Loading checks every shape against the config, so that the forward pass cannot meet a surprise; it reads no
// weight bytes except the hash tables' ids (range-checked). Names follow DeepSeek's inference/model.py. What
// differs between the members of the family is a part of its own (attention, residual, memory, router),
// chosen once here.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "formats/checkpoint.h"
#include "model/engram_disk.h"
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

// Where a layer's queries find their keys: its own window, then entries of layer `owner`, those that the
// indexer picked or all that are complete.
struct KeySource {
  bool window = true;
  bool drafts = false;  // the window before the sequence's rows in this step, and all of these rows
  int64_t owner = 0;
  int64_t ratio = 0;  // tokens to an entry; 0: none
  bool picked = false;
};

// A window of shared key-value rows, queries through a low rank, results through groups: V4 and V4.1.
struct WindowAttention {
  Weight wq_a, wq_b, wkv, wo_a, wo_b;
  NormWeight q_norm, kv_norm;
  const std::byte* attn_sink = nullptr;  // F32 [H]
  KeySource keys;
};

// V4: entries of 4 tokens, indexed (CSA), of 128 (HCA), or none.
struct CompressedAttention : WindowAttention {
  Compressor compressor;  // ratio != 0
  Indexer indexer;        // ratio == 4
};

// What an owner of a shared cache has to fill it (V4.1).
struct SharedCache {
  int64_t ratio = 0;
  Weight wkv, wgate;  // [head_dim, d]; no wgate at ratio 1
  NormWeight norm;
  Weight wk;  // [index_head_dim, head_dim]
  NormWeight k_norm;
};

// V4.1's indexer: its keys are the owner's.
struct SharedIndexer {
  Weight wq_b, weights_proj;
  bool chooses_candidates = false;  // blocks for the indexers behind it
  bool within_candidates = false;
};

// V4.1: entries of a cache that several layers share, picked by the last indexer.
struct SharedAttention : WindowAttention {
  std::optional<SharedCache> cache;      // this layer owns one
  std::optional<SharedIndexer> indexer;  // this layer picks
};

// V3.2: index keys of the tokens themselves.
struct MlaIndexer {
  Weight wq_b, wk, weights_proj;
  NormWeight k_norm, k_norm_bias;
};

// V3 and V3.2. wkv_b holds W_UK and W_UV of each head (ops.h, mla_absorb).
struct MlaAttention {
  Weight wq_a, wq_b, wkv_a, wkv_b, wo;  // no q_lora_rank: no wq_a, wq_b (q_proj) takes the layer's input
  NormWeight q_norm, kv_norm;
  float softmax_scale = 0;
  std::optional<MlaIndexer> indexer;
  KeySource keys;
};

using Attention = std::variant<MlaAttention, CompressedAttention, SharedAttention>;

// A dense layer is one without routed experts.
struct MoE {
  Weight gate;
  Ops::RouteParams route;
  std::vector<ExpertWeights> experts;
  ExpertWeights shared_experts;
};

// Which rows of its table a layer looks up for the last n-grams of compressed ids (spec B.2).
struct EngramHash {
  std::vector<uint64_t> multipliers;  // [max_ngram]
  std::vector<uint64_t> primes;       // [max_ngram - 1, heads]
  std::vector<int64_t> offsets;       // the same
};

// Where the rows of the tables are read from: the mapped file, memory, or the disk past the page cache. The
// results are the same.
enum class EngramSource { kMmap, kRam, kDisk };

struct Engram {
  int64_t index = 0;                 // among the layers that have one
  Weight embed;                      // [rows, head_dim of a row]
  bool prefetch = false;             // ask the system for the rows of a pass at its start
  std::shared_ptr<EngramDisk> disk;  // in place of embed
  Weight wkv;                        // [(m + 1) * d, rows of a token * head_dim]
  NormWeight q_weight, k_weight;
  EngramHash hash;
};

struct Block {
  std::optional<Engram> engram;
  HcParams hc_attn, hc_ffn;  // of the members with streams
  NormWeight attn_norm, ffn_norm;
  Attention attn;
  MoE ffn;
};

// The autoregressive MTP block (spec 3.9; V3.2: D.6).
struct MtpBlock {
  Block block;
  Weight e_proj, h_proj;  // V4
  Weight eh_proj;         // V3, V3.2: both at once
  NormWeight enorm, hnorm, norm;
  HcParams hc_head;
  std::optional<Weight> embed, head;  // where it has its own; else the main model's
};

// DSpark (V4-0731, V4.1): stages behind the main model that draft a block of tokens at once. What they keep
// of the sequence comes from taps: the mean of the main model's streams at some places.
struct Dspark {
  std::vector<int64_t> taps;  // how many layers of the main model lie before each
  Weight main_proj;           // [d, taps * d]
  NormWeight main_norm;
  std::vector<Block> stages;
  HcParams hc_head;  // V4
  NormWeight norm;
  Weight markov_embed, markov_head;  // [vocab, rank]
  Weight confidence;                 // [1, d + rank]
};

// Which drafter a checkpoint has, and how many layers of state it keeps. Error(kInvalidModel) for both kinds
// at once, or for a DSpark that only config.json or only the tensors know of.
struct DrafterKind {
  bool mtp = false;
  bool dspark = false;
  int64_t layers = 0;
};
DrafterKind drafter_kind(const Checkpoint& checkpoint);

// Of all tables, as stored.
int64_t engram_table_bytes(const Checkpoint& checkpoint);

class Model {
 public:
  // Error(kInvalidModel) naming the tensor for anything missing or of the wrong shape.
  static Model load(const std::string& dir, LoadMode mode);

  const ModelConfig& config() const { return checkpoint_->config(); }
  const Checkpoint& checkpoint() const { return *checkpoint_; }
  int64_t weight_bytes() const { return weight_bytes_; }  // of the main model and its drafter, as stored
  int64_t drafter_layers() const { return dspark ? std::ssize(dspark->stages) : mtp ? 1 : 0; }

  Weight embed, head;
  NormWeight norm;
  HcParams hc_head;
  std::vector<Block> layers;
  std::unique_ptr<MtpBlock> mtp;    // null where the checkpoint has none
  std::unique_ptr<Dspark> dspark;   // the same; never both
  RopeFrequencies rope_window;      // of the keys of layers without entries; MLA: of all keys
  RopeFrequencies rope_compressed;  // of the others
  RopeFrequencies rope_index;       // of the indexer

  // Engram: the class of each token id, which text/engram_vocabulary.h finds in the tokenizer; forward()
  // needs it. Error(kInvalidModel) unless the number of classes is the config's.
  bool needs_compressed_vocabulary() const { return !config().engram.layer_ids.empty(); }
  void set_compressed_vocabulary(std::vector<int32_t> classes);
  // Before the first pass. kMmap and kDisk want files that were opened with LoadMode::kMmap.
  void set_engram_source(EngramSource source);
  EngramStats engram_stats() const;  // of the tables on disk, all together
  std::span<const int32_t> compressed_vocabulary() const { return compressed_vocabulary_; }

 private:
  std::unique_ptr<Checkpoint> checkpoint_;
  int64_t weight_bytes_ = 0;
  std::vector<int32_t> compressed_vocabulary_;
  std::vector<std::vector<std::byte>> tables_in_memory_;
};

}  // namespace hadal
