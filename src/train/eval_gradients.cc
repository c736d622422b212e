#include "train/eval_gradients.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/safetensors.h"
#include "tools/eval.h"
#include "train/train_pass.h"

namespace hadal {
namespace {

// One document, every token of which is to be predicted.
TrainRows one_document(std::vector<int32_t> ids) {
  TrainRows rows;
  const auto size = static_cast<int64_t>(ids.size());
  rows.ids = std::move(ids);
  rows.document_ends = rows.row_ends = {size};
  rows.is_target.assign(rows.ids.size(), 1);
  return rows;
}

int64_t csa_layers(const ModelConfig& config) {
  int64_t count = 0;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    count += config.compress_ratios[static_cast<size_t>(layer)] == 4 ? 1 : 0;
  return count;
}

void write(const std::string& path, const Parameters& parameters,
           std::span<const std::pair<const char*, float>> losses) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const Parameter& p : parameters.list()) entries.push_back({p.name, DType::kF32, p.shape});
  for (const auto& [name, value] : losses) entries.push_back({name, DType::kF32, {1}});
  SafetensorsWriter writer(path, entries);
  for (const Parameter& p : parameters.list())
    writer.append(std::as_bytes(std::span(parameters.gradient(p), static_cast<size_t>(p.size))));
  for (const auto& [name, value] : losses) writer.append(std::as_bytes(std::span(&value, 1)));
  writer.finish();
}

}  // namespace

void eval_gradients(const EvalGradientsOptions& options) {
  const Numerics numerics = options.model.numerics;
  if (numerics != Numerics::kFp32 && numerics != Numerics::kStored)
    fail(ErrorCode::kUsage, "gradients are computed with --numerics fp32 or stored");
  Model model = open_model(options.model.dir, options.model.load);
  const TrainRows rows = one_document(read_token_ids(options.ids, model.config()));
  const auto size = static_cast<int64_t>(rows.ids.size());
  if (size < 3) fail(ErrorCode::kUsage, "{}: {} token ids; gradients need at least three", options.ids, size);
  const bool with_mtp = options.mtp_weight > 0;
  if (with_mtp && model.mtp == nullptr)
    fail(ErrorCode::kUsage, "{}: this model has no MTP block, so its loss can have no weight",
         options.model.dir);

  const Parameters parameters(model);
  TrainPass pass(model, parameters, {numerics, chosen_isa(), chosen_threads(options.model)}, size, size,
                 {.quantise_state = numerics == Numerics::kStored, .with_mtp = with_mtp});
  const auto main_targets = static_cast<float>(rows.main_targets());
  const auto mtp_targets = static_cast<float>(rows.mtp_targets());
  const auto queries = static_cast<float>(std::max<int64_t>(csa_layers(model.config()) * size, 1));
  const PassLosses losses = pass.run(rows, {.main = 1 / main_targets,
                                            .mtp = options.mtp_weight / mtp_targets,
                                            .index = options.index_weight / queries});
  const std::array<std::pair<const char*, float>, 3> means{
      {{"loss.main", static_cast<float>(losses.main / main_targets)},
       {"loss.mtp", static_cast<float>(losses.mtp / mtp_targets)},
       {"loss.index_kl", static_cast<float>(losses.index_kl / queries)}}};
  write(options.out, parameters, means);
}

}  // namespace hadal
