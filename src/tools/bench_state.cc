#include "tools/bench_state.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "tools/random_values.h"

namespace hadal {
namespace {

constexpr int64_t kBatchRows = 256;

class Filler {
 public:
  Filler(const ModelConfig& config, int64_t tokens, Ops& ops)
      : tokens_(tokens),
        ops_(ops),
        forms_(key_forms(config, ops.entry_format())),
        index_form_(index_key_form(config, ops.entry_format())),
        buffer_(kBatchRows * std::max(config.head_dim, config.index_head_dim)) {}

  void fill(LayerState& layer, const LayerLayout& layout) {
    kv_rows(layer.window, forms_.window, std::min(tokens_, layout.window_rows));
    if (layout.ratio == 0) return;
    const int64_t entries = tokens_ / layout.ratio;
    kv_rows(layer.entries, forms_.entries, entries);
    compressor(layer.compressor);
    compressor(layer.index_compressor);
    if (!layout.index_keys) return;
    for (int64_t first = 0; first < entries; first += kBatchRows)
      ops_.store_index_keys(random_rows(std::min(kBatchRows, entries - first), index_form_.dim), first,
                            index_form_, layer.index_keys.data());
  }

 private:
  Mat random_rows(int64_t rows, int64_t cols) {
    const Mat mat = buffer_.mat(rows, cols);
    for (int64_t i = 0; i < rows * cols; ++i) mat.data[i] = random_.normal(next_++);
    return mat;
  }
  void kv_rows(const StateBytes& bytes, const KvRow& form, int64_t count) {
    std::vector<std::byte*> places;
    for (int64_t first = 0; first < count; first += kBatchRows) {
      places.clear();
      for (int64_t r = first; r < std::min(first + kBatchRows, count); ++r)
        places.push_back(bytes.data() + r * form.bytes());
      ops_.store_kv(random_rows(static_cast<int64_t>(places.size()), form.dim), form, places);
    }
  }
  void compressor(const CompressorState& state) {
    for (int64_t row = 0; row < state.rows; ++row) {
      for (int64_t i = 0; i < state.width; ++i) {
        state.kv_row(row)[i] = random_.normal(next_++);
        state.score_row(row)[i] = random_.normal(next_++);
      }
    }
  }

  const int64_t tokens_;
  Ops& ops_;
  const KeyForms forms_;
  const IndexKeyForm index_form_;
  Buffer buffer_;
  const RandomValues random_{1, "bench state"};
  int64_t next_ = 0;
};

}  // namespace

void fill_state(SequenceState& state, const ModelConfig& config, int64_t tokens, Ops& ops) {
  CHECK(state.length() == 0);
  Filler filler(config, tokens, ops);
  for (size_t l = 0; l < state.layers.size(); ++l)
    filler.fill(state.layers[l], layer_layout(config, static_cast<int64_t>(l)));
  state.begin(tokens);
  state.advance(tokens);
}

}  // namespace hadal
