// SequenceState: everything the model remembers of one sequence (spec section 4), planned and allocated at
// creation.
//
// Rings are longer than the window (and than a compressor's block) by kMaxRollback rows and indexed by
// position mod size, and an entry is visible only through a query's position; so truncate(n) just forgets the
// last tokens. Entries are append-only; snapshot() saves the rings, from which restore() goes back to an
// earlier length. Pages that were never written cost nothing. Not thread-safe: one thread (the engine's) owns
// a state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "formats/config.h"
#include "model/layout.h"
#include "ops/ops.h"

namespace hadal {

// Bytes of one state, by part: what `hadal inspect --ctx` and --dry-run print.
struct StatePlan {
  int64_t window_rings = 0;
  int64_t csa_entries = 0;
  int64_t index_keys = 0;
  int64_t hca_entries = 0;
  int64_t latent_entries = 0;  // V3, V3.2
  int64_t shared_entries = 0;  // V4.1
  int64_t compressor_rows = 0;
  int64_t drafter = 0;
  int64_t snapshot = 0;  // of these bytes, those that a snapshot copies
  int64_t total() const {
    return window_rings + csa_entries + index_keys + hca_entries + latent_entries + shared_entries +
           compressor_rows + drafter;
  }
};
// `drafter_layers`: those of the drafter that is used, 0 without (Model::drafter_layers()).
StatePlan plan_state(const ModelConfig& config, EntryFormat format, int64_t max_tokens,
                     int64_t drafter_layers);

// Zeroed bytes from mmap: pages that were never touched cost nothing. Error(kNoMemory) where they cannot be
// reserved.
class StateBytes {
 public:
  StateBytes() = default;
  explicit StateBytes(int64_t size);
  std::byte* data() const { return data_.get(); }
  int64_t size() const { return size_; }

 private:
  struct Unmap {
    int64_t size;
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Unmap> data_;
  int64_t size_ = 0;
};

// The last rows of (kv, score) that a compressor has seen; row of position p at p % rows.
struct CompressorState {
  int64_t rows = 0;
  int64_t width = 0;  // coff * D
  StateBytes kv, score;
  float* kv_row(int64_t position) const;
  float* score_row(int64_t position) const;
};

struct LayerState {
  int64_t ratio = 0;
  int64_t entry_bytes = 0;  // of one row of `entries`
  IndexKeyForm index_form;
  int64_t window_rows = 0;
  int64_t window_begin = 0;  // no query sees rows of earlier positions: they were never written
  StateBytes window;         // [window_rows] kv rows, row of position p at p % window_rows
  StateBytes entries;        // [max entries] kv rows
  StateBytes index_keys;
  CompressorState compressor, index_compressor;
  int64_t history_rows = 0;
  StateBytes
      history;  // [history_rows] int32: ids of the last tokens, of position p at p % history_rows (Engram)
};

class SequenceState {
 public:
  SequenceState(const ModelConfig& config, EntryFormat format, int64_t max_tokens, int64_t drafter_layers);

  int64_t length() const { return length_; }
  int64_t written() const { return written_; }
  int64_t max_tokens() const { return max_tokens_; }
  EntryFormat format() const { return format_; }

  // Forgets all but the first `length` tokens: `length` is 0 or at most kMaxRollback below the longest that
  // this sequence has been (since its start or the snapshot that it was restored from).
  void truncate(int64_t length);
  // A pass over the next `count` tokens begins to write rows. The rings must still hold what they need: after
  // a pass that did not come to its end, truncate(0) or restore() first.
  void begin(int64_t count);
  // The pass has come to its end: `count` tokens more.
  void advance(int64_t count);

  // Rings and compressor rows at the present length.
  struct Snapshot {
    int64_t length = 0;
    int64_t written = 0;
    std::vector<std::byte> bytes;
  };
  Snapshot snapshot() const;
  // Goes back to a snapshot of this same sequence: its first snapshot.length tokens must be unchanged since.
  void restore(const Snapshot& snapshot);

  std::vector<LayerState> layers;
  std::vector<LayerState> drafter;  // its own layers; who drafts keeps them in step

 private:
  EntryFormat format_;
  int64_t max_tokens_;
  int64_t length_ = 0;
  int64_t written_ = 0;  // the longest length yet: rings hold its last rows
};

}  // namespace hadal
