// The owner of the scratch of forward(): one mapping, planned from the config.
#include "model/workspace.h"

#include <algorithm>

#include "model/forward.h"
#include "model/scratch.h"

namespace hadal {
namespace {

// The smallest number of tokens to an entry among the layers whose queries see all of them.
int64_t least_unpicked_ratio(const ModelConfig& config) {
  return config.family.attention == AttentionKind::kMla && !config.has_indexer() ? 1 : 128;
}

}  // namespace

Scratch::Scratch(const ModelConfig& c, int64_t max_rows, int64_t max_logit_rows, Arena& arena) {
  const int64_t tile = std::min(max_rows, kQueryTile);
  const int64_t d = c.hidden_size;
  const int64_t heads_width = c.num_attention_heads * c.head_dim;
  const int64_t low_width =
      std::max({c.o_groups * c.o_lora_rank,
                c.num_attention_heads * c.qk_nope_head_dim + c.num_attention_heads * c.qk_rope_head_dim,
                c.num_attention_heads * c.v_head_dim});
  const int64_t entry_width = std::max(c.head_dim, c.index_head_dim);
  const KvRow f32_row = key_forms(c, EntryFormat::kF32).window;
  const KvRow stored_row = key_forms(c, EntryFormat::kStored).window;
  // Whole tiles of short contexts and of picked entries fit; at least one query of the longest context that
  // sees every entry does.
  key_capacity = std::max(tile * (c.sliding_window + std::max(c.index_topk, kQueryTile)),
                          c.sliding_window + kMaxTokens / least_unpicked_ratio(c));

  streams = arena.take<float>(max_rows * c.hc_mult * d);
  mtp_streams = arena.take<float>(max_rows * c.hc_mult * d);
  x = arena.take<float>(max_rows * d);
  y = arena.take<float>(max_rows * d);
  pre = arena.take<float>(max_rows * c.hc_mult);
  post = arena.take<float>(max_rows * c.hc_mult);
  comb = arena.take<float>(max_rows * c.hc_mult * c.hc_mult);
  qr = arena.take<float>(max_rows * c.q_lora_rank);
  kv = arena.take<float>(max_rows * c.head_dim);
  kv_rows = arena.take<std::byte>(max_rows * std::max(f32_row.bytes(), stored_row.bytes()));
  compressor_kv = arena.take<float>(max_rows * 2 * entry_width);
  compressor_score = arena.take<float>(max_rows * 2 * entry_width);
  pooled = arena.take<float>(max_rows * entry_width);
  index_k = arena.take<float>(max_rows * c.index_head_dim);
  gate = arena.take<float>(max_rows * c.hc_mult);
  const bool dspark = c.dspark_block_size > 0;
  const int64_t experts = std::max(c.n_routed_experts, dspark ? dspark_experts(c) : 0);
  const int64_t chosen = std::max(c.num_experts_per_tok, dspark ? dspark_experts_per_token(c) : 0);
  taps = arena.take<float>(dspark ? max_rows * std::ssize(c.dspark_target_layer_ids) * d : 0);
  router = arena.take<float>(max_rows * experts);
  expert_weights = arena.take<float>(max_rows * chosen);
  expert_ids = arena.take<int32_t>(max_rows * chosen);
  picks = arena.take<int64_t>(max_rows * c.index_topk);
  candidates = arena.take<int64_t>(max_rows * c.candidate_topk_blocks);
  table_rows = arena.take<int32_t>(max_rows * c.engram.rows_per_token() * std::ssize(c.engram.layer_ids));
  ids = arena.take<int32_t>(max_rows);
  positions = arena.take<int64_t>(max_rows);
  visible = arena.take<int64_t>(max_rows);
  block_positions = arena.take<int64_t>(max_rows);
  row_pointers = arena.take<std::byte*>(max_rows);
  entry_pointers = arena.take<std::byte*>(max_rows);
  segments = arena.take<Segment>(max_rows);
  blocks = arena.take<PoolSlots>(max_rows);
  slots = arena.take<const float*>(max_rows * 2 * 128);

  q = arena.take<float>(tile * std::max(heads_width, std::max<int64_t>(2, c.hc_mult) * d));
  o = arena.take<float>(tile * heads_width);
  low = arena.take<float>(tile * low_width);
  looked_up = arena.take<float>(tile * c.engram.rows_per_token() * c.engram.head_dim);
  places = arena.take<int32_t>(tile * c.engram.rows_per_token());
  engram_kv = arena.take<float>(c.engram.layer_ids.empty() ? 0 : tile * (c.hc_mult + 1) * d);
  index_q = arena.take<float>(tile * c.index_n_heads * c.index_head_dim);
  index_weights = arena.take<float>(tile * c.index_n_heads);
  key_rows = arena.take<KeyRows>(tile);
  keys = arena.take<const std::byte*>(key_capacity);

  h = arena.take<float>(max_logit_rows * d);
  logits = arena.take<float>(max_logit_rows * c.vocab_size);
  draft_states = arena.take<float>(dspark ? max_logit_rows * (d + c.dspark_markov_rank) : 0);
  tap_mix = arena.take<float>(dspark ? c.hc_mult : 0);
  markov = arena.take<float>(dspark ? c.vocab_size : 0);
}

Workspace::Impl::Impl(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows)
    : memory(planned_bytes(config, max_rows, max_logit_rows)),
      arena(memory.data()),
      scratch(config, max_rows, max_logit_rows, arena),
      engram_requests(config.engram.layer_ids.size()) {
  scratch.engram_requests = engram_requests.data();
}

Workspace::Workspace(const Model& model, int64_t max_rows, int64_t max_logit_rows)
    : max_rows_(max_rows),
      max_logit_rows_(max_logit_rows),
      impl_(std::make_unique<Impl>(model.config(), max_rows, max_logit_rows)) {
  CHECK(max_rows >= 1 && max_logit_rows >= 0);
}

Workspace::~Workspace() = default;

int64_t Workspace::bytes() const { return impl_->memory.size(); }

int64_t Workspace::planned_bytes(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows) {
  Arena count;
  const Scratch planned(config, max_rows, max_logit_rows, count);
  return count.used();
}

}  // namespace hadal
