// What V4 and V4.1 have in common: one key-value row a token for all heads, kept for a window; results that
// leave through groups.
#include "model/pass.h"

namespace hadal {

void window_rows(Pass& pass, const WindowAttention& w, const RopeFrequencies& rope, ConstMat x) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const Mat kv = pass.mat(s.kv, config.head_dim);
  ops.linear(x, w.wkv, kv);
  ops.rms_norm(kv, w.kv_norm, eps, kv);
  ops.rope(kv, config.head_dim, step.positions(step.all()), rope, false);
  ops.store_kv(kv, step.forms().window, step.new_kv_rows());
}

void attend(Pass& pass, const WindowAttention& w, int64_t layer, Rows tile, const RopeFrequencies& rope,
            Mat y) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const int64_t c = config.head_dim;
  const Mat q = Pass::mat(s.q, tile, config.num_attention_heads * c);
  const Mat o = Pass::mat(s.o, tile, config.num_attention_heads * c);
  const Mat low = Pass::mat(s.low, tile, config.o_groups * config.o_lora_rank);
  ops.sparse_attention(q, step.keys(tile, layer, w.keys), step.forms(), w.attn_sink, inverse_sqrt(c), o);
  ops.rope(o, c, step.positions(tile), rope, true);
  ops.linear_grouped(o, w.wo_a, config.o_groups, low);
  ops.linear(low, w.wo_b, y.slice(tile.first, tile.count));
}

}  // namespace hadal
