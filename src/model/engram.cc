// Engram (V4.1): the last tokens' ids, hashed, name rows of a large table; a projection of these rows offers
// every stream a key and all of them one value, and each stream takes as much as its gate says.
#include "model/engram_hash.h"
#include "model/pass.h"

namespace hadal {

void engram(Pass& pass, const Engram& w, int64_t layer, Mat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const EngramConfig& e = config.engram;
  const std::span<const int32_t> classes = model.compressed_vocabulary();
  CHECK(static_cast<int64_t>(classes.size()) == config.vocab_size);
  const int32_t pad = classes[static_cast<size_t>(e.pad_token_id)];
  const int64_t per_token = e.rows_per_token();
  for (int64_t row = 0; row < step.rows(); ++row) {
    int32_t history[kMostNgram];
    step.recent_ids(layer, classes, e.max_ngram_size, pad, row, history);
    engram_rows(w.hash, {history, static_cast<size_t>(e.max_ngram_size)}, s.table_rows + row * per_token);
  }
  for (int64_t first = 0; first < step.rows(); first += kQueryTile) {
    const Rows tile{first, std::min(kQueryTile, step.rows() - first)};
    const Mat kv = Pass::mat(s.engram_kv, tile, (hc.mult + 1) * config.hidden_size);
    const Mat rows{s.looked_up, tile.count * per_token, e.head_dim, e.head_dim};
    ops.embed(w.embed, {s.table_rows + first * per_token, static_cast<size_t>(rows.rows)}, rows);
    ops.linear(Pass::mat(s.looked_up, tile, per_token * e.head_dim), w.wkv, kv);
    ops.engram_gate(streams.slice(first, tile.count), kv, w.q_weight, w.k_weight, eps,
                    Pass::mat(s.gate + first * hc.mult, tile, hc.mult));
  }
  step.keep_history(layer);
}

}  // namespace hadal
