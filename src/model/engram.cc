// Engram (V4.1): the last tokens' ids, hashed, name rows of a large table; a projection of these rows offers
// every stream a key and all of them one value, and each stream takes as much as its gate says. Which rows a
// pass needs is known from its ids alone, so they are asked for before the first layer.
#include <sys/mman.h>
#include <unistd.h>

#include <numeric>

#include "model/engram_hash.h"
#include "model/pass.h"

namespace hadal {
namespace {

// The rows of this layer's table, for all rows of the step.
std::span<int32_t> table_rows(const Pass& pass, const Engram& w) {
  const int64_t count = pass.step.rows() * pass.config.engram.rows_per_token();
  return {pass.s.table_rows + w.index * count, static_cast<size_t>(count)};
}

void find_rows(Pass& pass, const Engram& w, int64_t layer) {
  const EngramConfig& e = pass.config.engram;
  const std::span<const int32_t> classes = pass.model.compressed_vocabulary();
  CHECK(static_cast<int64_t>(classes.size()) == pass.config.vocab_size);
  const int32_t pad = classes[static_cast<size_t>(e.pad_token_id)];
  int32_t* rows = table_rows(pass, w).data();
  for (int64_t row = 0; row < pass.step.rows(); ++row, rows += e.rows_per_token()) {
    int32_t history[kMostNgram];
    pass.step.recent_ids(layer, classes, e.max_ngram_size, pad, row, history);
    engram_rows(w.hash, {history, static_cast<size_t>(e.max_ngram_size)}, rows);
  }
}

// Lets the system read these bytes of a mapped file while other layers are computed.
void prefetch(const std::byte* data, int64_t size) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  if (data == nullptr) return;
  const uintptr_t into_page = reinterpret_cast<uintptr_t>(data) % page;
  ::madvise(const_cast<std::byte*>(data - into_page), into_page + static_cast<uintptr_t>(size),
            MADV_WILLNEED);
}

void prefetch_rows(const Weight& table, std::span<const int32_t> rows) {
  const int64_t code_bytes = table.row_bytes();
  const int64_t scale_bytes = (table.bytes() - table.out * code_bytes) / table.out;
  for (const int32_t row : rows) {
    prefetch(table.data + row * code_bytes, code_bytes);
    prefetch(table.scales == nullptr ? nullptr : table.scales + row * scale_bytes, scale_bytes);
  }
}

}  // namespace

void request_engram_rows(Pass& pass) {
  int64_t layer = -1;
  for (const Block& block : pass.model.layers) {
    ++layer;
    if (!block.engram) continue;
    const Engram& w = *block.engram;
    find_rows(pass, w, layer);
    if (w.disk) w.disk->request(table_rows(pass, w), pass.s.engram_requests[w.index]);
    if (w.prefetch) prefetch_rows(w.embed, table_rows(pass, w));
  }
}

void engram(Pass& pass, const Engram& w, int64_t layer, Mat streams) {
  auto& [model, config, ops, s, step, hc, eps] = pass;
  const EngramConfig& e = config.engram;
  const int64_t per_token = e.rows_per_token();
  const Weight table = w.disk ? w.disk->take(s.engram_requests[w.index]) : w.embed;
  for (int64_t first = 0; first < step.rows(); first += kQueryTile) {
    const Rows tile{first, std::min(kQueryTile, step.rows() - first)};
    const Mat kv = Pass::mat(s.engram_kv, tile, (hc.mult + 1) * config.hidden_size);
    const Mat rows{s.looked_up, tile.count * per_token, e.head_dim, e.head_dim};
    const std::span<int32_t> wanted =
        table_rows(pass, w).subspan(static_cast<size_t>(first * per_token), static_cast<size_t>(rows.rows));
    // What comes from the disk lies in the order of the request.
    if (w.disk) std::iota(s.places, s.places + rows.rows, static_cast<int32_t>(first * per_token));
    ops.embed(table, w.disk ? std::span<const int32_t>(s.places, wanted.size()) : wanted, rows);
    ops.linear(Pass::mat(s.looked_up, tile, per_token * e.head_dim), w.wkv, kv);
    ops.engram_gate(streams.slice(first, tile.count), kv, w.q_weight, w.k_weight, eps,
                    Pass::mat(s.gate + first * hc.mult, tile, hc.mult));
  }
  step.keep_history(layer);
}

}  // namespace hadal
