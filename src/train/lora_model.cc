// LoraModel: an adapter's matrices as parameters, two for each matrix of the base that it changes.
#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "formats/checkpoint_fingerprint.h"
#include "train/initial_values.h"
#include "train/run_weights.h"

namespace hadal {
namespace {

constexpr const char* kAdapterFile = "/adapter.safetensors";

Parameter part_of_adapter(std::string name, int64_t out, int64_t in) {
  return {std::move(name), {out, in}, ParameterRole::kAdapter, DType::kBF16, 0, out * in};
}

void write_adapter(const std::string& path, const std::vector<Parameter>& list, StoreMode mode,
                   const std::vector<std::pair<std::string, std::string>>& metadata,
                   const std::function<const float*(size_t)>& values) {
  std::vector<SafetensorsWriter::Entry> entries;
  entries.reserve(list.size());
  for (const Parameter& p : list)
    entries.push_back({p.name, mode == StoreMode::kF32 ? DType::kF32 : DType::kBF16, p.shape});
  SafetensorsWriter writer(path, entries, metadata);
  for (size_t i = 0; i < list.size(); ++i) writer.append(store_tensor(list[i], values(i), mode).bytes);
  writer.finish();
}

}  // namespace

LoraModel::LoraModel(const std::string& base, int64_t rank, double alpha, uint64_t seed)
    : model_(Model::load(base, LoadMode::kMmap)), vectors_(model_, ParameterScope::kVectors) {
  make_room({rank, alpha, checkpoint_fingerprint(model_.checkpoint())});
  uint64_t number = 0;
  for (const Parameter& p : parameters_->list()) {
    const bool is_a = p.name.ends_with("lora_A.weight");
    if (is_a)
      fill_normal(parameters_->masters() + p.offset, p.size, 1 / std::sqrt(static_cast<float>(p.shape[1])),
                  seed, number);
    ++number;
  }
}

LoraModel::LoraModel(const std::string& base, const std::string& checkpoint)
    : model_(Model::load(base, LoadMode::kMmap)), vectors_(model_, ParameterScope::kVectors) {
  const std::string path = checkpoint + kAdapterFile;
  make_room(Adapter::open(path, model_).config());
  const Safetensors file = Safetensors::open(path, LoadMode::kRead);
  for (const Parameter& p : parameters_->list()) {
    const Tensor* const tensor = file.find(p.name);
    if (tensor == nullptr || tensor->dtype != DType::kF32)
      fail(ErrorCode::kInvalidModel, "{}: {} is missing or not F32; the checkpoint is damaged", path, p.name);
    std::memcpy(parameters_->masters() + p.offset, tensor->bytes.data(), tensor->bytes.size());
  }
}

void LoraModel::make_room(const AdapterConfig& config) {
  config_ = config;
  const std::vector<AdapterTarget> targets = adapter_targets(model_);
  std::vector<Parameter> list;
  for (const AdapterTarget& target : targets) {
    list.push_back(part_of_adapter(target.name + ".lora_A.weight", config.rank, target.weight->in));
    list.push_back(part_of_adapter(target.name + ".lora_B.weight", target.weight->out, config.rank));
  }
  parameters_ = std::make_unique<Parameters>(std::move(list));
  const auto weight_of = [&](const Parameter& p) {
    return Weight{.format = WeightFormat::kF32,
                  .out = p.shape[0],
                  .in = p.shape[1],
                  .data = reinterpret_cast<const std::byte*>(parameters_->values() + p.offset)};
  };
  for (size_t i = 0; i < targets.size(); ++i) {
    const Parameter& a = parameters_->list()[2 * i];
    const Parameter& b = parameters_->list()[2 * i + 1];
    low_ranks_[targets[i].weight->data] = {weight_of(a), weight_of(b), config.scale(),
                                           parameters_->gradient(a), parameters_->gradient(b)};
  }
}

void LoraModel::write(const std::string& dir) const {
  const std::vector<Parameter>& list = parameters_->list();
  write_adapter(dir + kAdapterFile, list, StoreMode::kF32, config_.metadata(),
                [&](size_t i) { return parameters_->masters() + list[i].offset; });
}

void export_adapter(const std::string& checkpoint, const std::string& path) {
  const Safetensors file = Safetensors::open(checkpoint + kAdapterFile, LoadMode::kRead);
  std::vector<Parameter> list;
  std::vector<std::vector<float>> values;
  for (const NamedTensor& named : file.tensors()) {
    const Tensor& tensor = named.tensor;
    if (tensor.dtype != DType::kF32 || tensor.shape.size() != 2)
      fail(ErrorCode::kInvalidModel, "{}: {} is not an F32 matrix; the checkpoint is damaged", file.path(),
           named.name);
    list.push_back(part_of_adapter(named.name, tensor.shape[0], tensor.shape[1]));
    values.emplace_back(static_cast<size_t>(tensor.elements()));
    std::memcpy(values.back().data(), tensor.bytes.data(), tensor.bytes.size());
  }
  write_adapter(path, list, StoreMode::kBf16, file.metadata(), [&](size_t i) { return values[i].data(); });
}

}  // namespace hadal
