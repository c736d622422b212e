// What each layer of a sequence's state keeps, and in which form: derived from the config alone, so that the
// plan, the state and the forward pass agree.
#pragma once

#include <cstdint>

#include "formats/config.h"
#include "ops/ops.h"

namespace hadal {

inline constexpr int64_t kMaxRollback = 8;
// Rows that a DSpark drafter computes at once; of their tokens at most kMaxRollback can be checked.
inline constexpr int64_t kMostDraftRows = 32;
// Positions stay exact in fp32, which rotation needs.
inline constexpr int64_t kMaxTokens = int64_t{1} << 24;

// Window rows and entries of all layers.
KeyForms key_forms(const ModelConfig& config, EntryFormat format);
IndexKeyForm index_key_form(const ModelConfig& config, EntryFormat format);

struct LayerLayout {
  int64_t window_rows = 0;  // 0: no window
  int64_t ratio = 0;        // tokens to an entry of its own; 0: none
  bool index_keys = false;  // one for each entry
  int64_t compressor_rows = 0;
  int64_t compressor_width = 0;
  int64_t index_compressor_width = 0;
  int64_t history_rows = 0;  // token ids
};
LayerLayout layer_layout(const ModelConfig& config, int64_t layer);
// A drafter's layer.
LayerLayout drafter_layout(const ModelConfig& config);

// DSpark's own numbers of experts, or the main model's where it has none.
int64_t dspark_experts(const ModelConfig& config);
int64_t dspark_experts_per_token(const ModelConfig& config);
// How many tokens a drafter of this model can propose at once.
int64_t max_drafts(const ModelConfig& config);

// What a token adds to the state of a long sequence, on average.
double state_bytes_per_token(const ModelConfig& config, EntryFormat format);

}  // namespace hadal
