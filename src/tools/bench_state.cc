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
      : config_(config),
        tokens_(tokens),
        ops_(ops),
        row_(v4_kv_row(ops.entry_format(), config.head_dim)),
        buffer_(kBatchRows * std::max(config.head_dim, kIndexDim)) {}

  void fill(LayerState& layer, int64_t ratio) {
    kv_rows(layer.window, std::min(tokens_, layer.window_rows));
    if (ratio == 0) return;
    kv_rows(layer.entries, tokens_ / ratio);
    compressor(layer.compressor);
    if (ratio != 4) return;
    compressor(layer.index_compressor);
    for (int64_t first = 0; first < tokens_ / ratio; first += kBatchRows)
      ops_.store_index_keys(random_rows(std::min(kBatchRows, tokens_ / ratio - first), kIndexDim), first,
                            v4_index_keys(ops_.entry_format()), layer.index_keys.data());
  }

 private:
  Mat random_rows(int64_t rows, int64_t cols) {
    const Mat mat = buffer_.mat(rows, cols);
    for (int64_t i = 0; i < rows * cols; ++i) mat.data[i] = random_.normal(next_++);
    return mat;
  }
  void kv_rows(const StateBytes& bytes, int64_t count) {
    std::vector<std::byte*> places;
    for (int64_t first = 0; first < count; first += kBatchRows) {
      places.clear();
      for (int64_t r = first; r < std::min(first + kBatchRows, count); ++r)
        places.push_back(bytes.data() + r * row_.bytes());
      ops_.store_kv(random_rows(static_cast<int64_t>(places.size()), config_.head_dim), row_, places);
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

  const ModelConfig& config_;
  const int64_t tokens_;
  Ops& ops_;
  const KvRow row_;
  Buffer buffer_;
  const RandomValues random_{1, "bench state"};
  int64_t next_ = 0;
};

}  // namespace

void fill_state(SequenceState& state, const ModelConfig& config, int64_t tokens, Ops& ops) {
  CHECK(state.length() == 0);
  Filler filler(config, tokens, ops);
  for (size_t l = 0; l < state.layers.size(); ++l) filler.fill(state.layers[l], config.compress_ratios[l]);
  state.begin(tokens);
  state.advance(tokens);
}

}  // namespace hadal
