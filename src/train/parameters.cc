#include "train/parameters.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "quant/small_floats.h"
#include "train/model_views.h"

namespace hadal {
namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && std::string_view(text).substr(text.size() - end.size()) == end;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::vector<float> decoded(const NamedTensor& named) {
  const Tensor& tensor = named.tensor;
  if (tensor.dtype != DType::kF32 && tensor.dtype != DType::kBF16)
    fail(ErrorCode::kUsage, "{} is {}; training starts from weights in BF16 or F32", named.name,
         dtype_name(tensor.dtype));
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = tensor.dtype == DType::kF32 ? load_as<float>(tensor.bytes.data() + i * 4)
                                            : bf16_to_f32(load_as<uint16_t>(tensor.bytes.data() + i * 2));
  return values;
}

}  // namespace

ParameterRole role_of(const std::string& name, size_t dimensions) {
  if (name == "embed.weight" || name == "head.weight") return ParameterRole::kEmbedding;
  if (ends_with(name, "gate.bias")) return ParameterRole::kBias;
  if (ends_with(name, "norm.weight")) return ParameterRole::kNorm;
  if (dimensions < 2 || ends_with(name, ".ape")) return ParameterRole::kScalar;
  if (has(name, ".ffn.experts.")) return ParameterRole::kExpert;
  if (ends_with(name, "_fn") || ends_with(name, "gate.weight") || has(name, "compressor.") ||
      ends_with(name, "weights_proj.weight"))
    return ParameterRole::kPlain;
  return ParameterRole::kMatrix;
}

Parameters::Parameters(Model& model) {
  std::map<const std::byte*, const NamedTensor*> tensors;
  for (const Checkpoint::Place& place : model.checkpoint().tensors())
    tensors[place.tensor->tensor.bytes.data()] = place.tensor;

  std::vector<const NamedTensor*> sources;
  int64_t size = 0;
  std::map<const std::byte*, size_t> number;  // in list_, by where the tensor's values are
  const auto add = [&](const std::byte* data) {
    if (!number.emplace(data, list_.size()).second) return;
    const NamedTensor& named = *tensors.at(data);
    Parameter p{
        named.name, named.tensor.shape,     role_of(named.name, named.tensor.shape.size()), DType::kBF16,
        size,       named.tensor.elements()};
    if (p.role == ParameterRole::kScalar || p.role == ParameterRole::kBias || ends_with(p.name, "_fn"))
      p.stored = DType::kF32;
    size += (p.size + 15) / 16 * 16;
    list_.push_back(std::move(p));
    sources.push_back(&named);
  };
  ModelViews([&](auto& view) {
    if constexpr (requires { view.data; }) {
      add(view.data);
    } else {
      add(view);
    }
  }).model(model);

  values_ = Buffer(size);
  masters_ = Buffer(size);
  gradients_ = Buffer(size);
  for (size_t i = 0; i < list_.size(); ++i) {
    const std::vector<float> values = decoded(*sources[i]);
    std::copy(values.begin(), values.end(), masters_.data() + list_[i].offset);
  }
  std::copy_n(masters_.data(), size, values_.data());

  const auto values_of = [&](const std::byte* data) {
    return reinterpret_cast<const std::byte*>(values_.data() + list_[number.at(data)].offset);
  };
  ModelViews([&](auto& view) {
    using View = std::remove_cvref_t<decltype(view)>;
    if constexpr (std::is_same_v<View, Weight>) {
      view.data = values_of(view.data);
      view.scales = nullptr;
      view.format = WeightFormat::kF32;
    } else if constexpr (std::is_same_v<View, NormWeight>) {
      view.data = values_of(view.data);
      view.bf16 = false;
    } else {
      view = values_of(view);
    }
  }).model(model);
}

const Parameter* Parameters::find(const std::byte* bytes) const {
  const int64_t offset = reinterpret_cast<const float*>(bytes) - values_.data();
  const auto at =
      std::find_if(list_.begin(), list_.end(), [&](const Parameter& p) { return p.offset == offset; });
  return at == list_.end() ? nullptr : &*at;
}

}  // namespace hadal
