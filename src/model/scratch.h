// Scratch: the activations of one forward pass, planned for a number of rows and taken from one allocation.
//
// Names are those of the forward pass. Queries go through attention in tiles (kQueryTile), so that the widest
// activations do not grow with the chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/config.h"
#include "model/engram_disk.h"
#include "model/state.h"
#include "ops/ops.h"

namespace hadal {

inline constexpr int64_t kQueryTile = 128;

// Hands out consecutive 64-byte aligned arrays; without a base it only counts.
class Arena {
 public:
  explicit Arena(std::byte* base = nullptr) : base_(base) {}
  template <typename T>
  T* take(int64_t count) {
    T* const at = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return at;
  }
  int64_t used() const { return used_; }

 private:
  std::byte* base_;
  int64_t used_ = 0;
};

// The rows of a batch that belong to one sequence.
struct Segment {
  LayerState* layers = nullptr;  // of the sequence: all layers, or its MTP block alone
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_position = 0;

  int64_t end_position() const { return first_position + rows; }
  int64_t row_of(int64_t position) const { return first_row + position - first_position; }
};

struct Scratch {
  Scratch(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows, Arena& arena);

  int64_t key_capacity;                      // pointers in `keys`
  EngramRequest* engram_requests = nullptr;  // [layers with Engram], of the workspace

  // [max_rows, ...]
  float* streams;           // 4d
  float* mtp_streams;       // 4d
  float* x;                 // d, what a sub-layer reads
  float* y;                 // d, what it gives
  float* pre;               // 4, carried to the next site (V4.1)
  float* post;              // 4
  float* comb;              // 16
  float* qr;                // q_lora_rank
  float* kv;                // head_dim
  std::byte* kv_rows;       // kv rows in their stored form
  float* compressor_kv;     // 2 * max(head_dim, index_head_dim)
  float* compressor_score;  // the same
  float* pooled;            // max(head_dim, index_head_dim)
  float* index_k;           // index_head_dim
  float* gate;              // 4, Engram's
  float* taps;              // d for each, DSpark
  float* router;            // n_routed_experts, or DSpark's
  float* expert_weights;    // top_k
  int32_t* expert_ids;      // top_k
  int64_t* picks;           // index_topk
  int64_t* candidates;      // candidate_topk_blocks
  int32_t* table_rows;      // of Engram, [layers with it, rows of the step, rows of a token]
  int32_t* ids;
  int64_t* positions;
  int64_t* visible;
  int64_t* block_positions;
  std::byte** row_pointers;
  std::byte** entry_pointers;
  Segment* segments;
  PoolSlots* blocks;
  const float** slots;  // 128 for each row, kv and score

  // [min(max_rows, kQueryTile), ...]
  float* q;              // max(heads * head_dim, 4d)
  float* o;              // heads * head_dim
  float* low;            // o_groups * o_lora_rank; MLA: queries as projected, then values
  float* looked_up;      // rows of Engram
  int32_t* places;       // of these in the table that was read
  float* engram_kv;      // 5d
  float* index_q;        // index_n_heads * 128
  float* index_weights;  // index_n_heads
  KeyRows* key_rows;
  const std::byte** keys;

  // [max_logit_rows, ...]
  float* h;             // d
  float* logits;        // vocab_size
  float* draft_states;  // d + markov_rank, DSpark

  float* tap_mix;  // [4]
  float* markov;   // [vocab_size], DSpark
};

}  // namespace hadal
