#include "tools/eval_output.h"

#include <fmt/format.h>

#include <cstring>

namespace hadal {

std::span<const std::byte> bytes_of(ConstMat rows) {
  CHECK(rows.stride == rows.cols);
  return std::as_bytes(std::span(rows.data, static_cast<size_t>(rows.rows * rows.cols)));
}

size_t EvalOutput::declare(std::string name, DType dtype, std::vector<int64_t> shape) {
  entries_.push_back({std::move(name), dtype, std::move(shape)});
  written_.push_back(0);
  return entries_.size() - 1;
}

void EvalOutput::append(size_t entry, std::span<const std::byte> bytes) {
  writer_->write(entry, written_[entry], bytes);
  written_[entry] += bytes.size();
}

DraftOutput::DraftOutput(EvalOutput& output, const Model& model, int64_t rows) {
  const ModelConfig& config = model.config();
  const int64_t block = config.dspark_block_size;
  positions_ = output.declare("dspark.positions", DType::kI64, {rows});
  tokens_ = output.declare("dspark.tokens", DType::kI64, {rows});
  logits_ = output.declare("dspark.logits", DType::kF32, {rows, block, config.vocab_size});
  ids_ = output.declare("dspark.ids", DType::kI32, {rows, block});
  confidence_ = output.declare("dspark.confidence", DType::kF32, {rows, block});
  experts_ = output.declare("dspark.experts", DType::kI32,
                            {rows, model.drafter_layers(), block, dspark_experts_per_token(config)});
}

void DraftOutput::append_stage(EvalOutput& output, const LayerTrace& trace) {
  output.append(experts_, std::as_bytes(trace.experts));
}

void DraftOutput::append_row(EvalOutput& output, const DraftRow& row, int32_t chosen) {
  output.append(logits_, std::as_bytes(row.logits));
  output.append(confidence_, std::as_bytes(std::span(&row.confidence, 1)));
  output.append(ids_, std::as_bytes(std::span(&chosen, 1)));
}

void DraftOutput::append_position(EvalOutput& output, int64_t position, int32_t token) {
  const auto wide = static_cast<int64_t>(token);
  output.append(positions_, std::as_bytes(std::span(&position, 1)));
  output.append(tokens_, std::as_bytes(std::span(&wide, 1)));
}

LayerOutput::LayerOutput(EvalOutput& output, const ModelConfig& config, const Block& block, int64_t layer,
                         int64_t rows, bool all) {
  const AttentionKind kind = config.family.attention;
  const bool is_mtp = layer == config.num_hidden_layers;
  // V4.1 calls a thing what.N, the others layers.N.what.
  const auto name_of = [&](const char* what) {
    if (is_mtp) return fmt::format("mtp.{}", what);
    return kind == AttentionKind::kShared ? fmt::format("{}.{}", what, layer)
                                          : fmt::format("layers.{}.{}", layer, what);
  };
  const DType ids = kind == AttentionKind::kShared ? DType::kI32 : DType::kI64;
  const auto numbers = [&](const char* what, DType dtype, int64_t width) {
    return Numbers{output.declare(name_of(what), dtype, {rows, width}), dtype};
  };
  std::vector<int64_t> shape{rows, config.hc_mult, config.hidden_size};
  if (config.family.residual == ResidualKind::kPlain) shape = {rows, config.hidden_size};
  streams_ = output.declare(is_mtp ? "mtp.out" : fmt::format("layers.{}.out", layer), DType::kF32, shape);
  if (!all) return;

  const auto* const mla = std::get_if<MlaAttention>(&block.attn);
  const auto* const compressed = std::get_if<CompressedAttention>(&block.attn);
  const auto* const shared = std::get_if<SharedAttention>(&block.attn);
  if ((mla != nullptr && mla->indexer) || (compressed != nullptr && compressed->keys.picked) ||
      (shared != nullptr && shared->indexer))
    index_topk_ = numbers("index_topk", ids, config.index_topk);
  if (shared != nullptr && shared->indexer && shared->indexer->chooses_candidates)
    candidate_blocks_ = numbers("candidate_blocks", ids, config.candidate_topk_blocks);
  if (block.engram) {
    engram_rows_ = numbers("engram_rows", DType::kI64, config.engram.rows_per_token());
    engram_gate_ = output.declare(name_of("engram_gate"), DType::kF32, {rows, config.hc_mult});
  }
  if (block.ffn.experts.empty()) return;
  const int64_t top_k = block.ffn.route.top_k;
  experts_ = numbers(mla != nullptr ? "router_topk" : "experts", ids, top_k);
  if (mla != nullptr) expert_weights_ = output.declare(name_of("router_weights"), DType::kF32, {rows, top_k});
}

template <typename T>
void LayerOutput::append_numbers(EvalOutput& output, const std::optional<Numbers>& numbers,
                                 std::span<const T> values) {
  if (!numbers) return;
  const size_t size = numbers->dtype == DType::kI64 ? 8 : 4;
  converted_.resize(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto wide = static_cast<int64_t>(values[i]);
    const auto narrow = static_cast<int32_t>(values[i]);
    std::memcpy(converted_.data() + i * size, size == 8 ? static_cast<const void*>(&wide) : &narrow, size);
  }
  output.append(numbers->tensor, converted_);
}

void LayerOutput::append(EvalOutput& output, const LayerTrace& trace) {
  output.append(streams_, bytes_of(trace.streams));
  append_numbers(output, index_topk_, trace.index_topk);
  append_numbers(output, candidate_blocks_, trace.candidate_blocks);
  append_numbers(output, engram_rows_, trace.engram_rows);
  if (engram_gate_) output.append(*engram_gate_, bytes_of(trace.engram_gate));
  append_numbers(output, experts_, trace.experts);
  if (expert_weights_) output.append(*expert_weights_, std::as_bytes(trace.expert_weights));
}

}  // namespace hadal
