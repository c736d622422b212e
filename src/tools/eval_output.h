// The file that hadal eval logits writes, and what a layer's trace puts into it, under the names that the
// member's reference results have.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "model/forward.h"

namespace hadal {

std::span<const std::byte> bytes_of(ConstMat rows);

// The file being written: tensors in any order, rows of each as they come.
class EvalOutput {
 public:
  // A tensor whose first dimension is `rows`; returns its number.
  size_t declare(std::string name, DType dtype, std::vector<int64_t> shape);
  void open(const std::string& path) { writer_ = std::make_unique<SafetensorsWriter>(path, entries_); }
  void append(size_t entry, std::span<const std::byte> bytes);
  void finish() { writer_->finish(); }

 private:
  std::vector<SafetensorsWriter::Entry> entries_;
  std::vector<uint64_t> written_;
  std::unique_ptr<SafetensorsWriter> writer_;
};

// DSpark's drafts: the block behind every position but the last, when the next token is the given one.
class DraftOutput {
 public:
  DraftOutput(EvalOutput& output, const Model& model, int64_t rows);
  void append_stage(EvalOutput& output, const LayerTrace& trace);
  void append_row(EvalOutput& output, const DraftRow& row, int32_t chosen);
  void append_position(EvalOutput& output, int64_t position, int32_t token);

 private:
  size_t positions_, tokens_, logits_, ids_, confidence_, experts_;
};

// The tensors of one layer. `layer` is num_hidden_layers for the MTP block.
class LayerOutput {
 public:
  // Only the streams unless `all`.
  LayerOutput(EvalOutput& output, const ModelConfig& config, const Block& block, int64_t layer, int64_t rows,
              bool all);
  void append(EvalOutput& output, const LayerTrace& trace);

 private:
  struct Numbers {  // of chosen things: their tensor, and its dtype
    size_t tensor = 0;
    DType dtype = DType::kI64;
  };
  template <typename T>
  void append_numbers(EvalOutput& output, const std::optional<Numbers>& numbers, std::span<const T> values);

  size_t streams_ = 0;
  std::optional<Numbers> index_topk_, candidate_blocks_, experts_, engram_rows_;
  std::optional<size_t> expert_weights_, engram_gate_;
  std::vector<std::byte> converted_;
};

}  // namespace hadal
