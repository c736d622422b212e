#include "train/parameters.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "ops/decode_weight.h"
#include "quant/small_floats.h"
#include "train/model_views.h"

namespace hadal {
namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && std::string_view(text).substr(text.size() - end.size()) == end;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void decode(const NamedTensor& named, float* to) {
  const Tensor& tensor = named.tensor;
  if (tensor.dtype != DType::kF32 && tensor.dtype != DType::kBF16)
    fail(ErrorCode::kUsage, "{} is {}; training starts from weights in BF16 or F32", named.name,
         dtype_name(tensor.dtype));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    to[i] = tensor.dtype == DType::kF32 ? load_as<float>(tensor.bytes.data() + i * 4)
                                        : bf16_to_f32(load_as<uint16_t>(tensor.bytes.data() + i * 2));
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

Parameters::Parameters(std::vector<Parameter> list) {
  for (Parameter& p : list) add(std::move(p));
  make_room();
}

void Parameters::add(Parameter p) {
  p.offset = size_;
  size_ += (p.size + 15) / 16 * 16;
  list_.push_back(std::move(p));
}

void Parameters::make_room() {
  values_ = Buffer(size_);
  masters_ = Buffer(size_);
  gradients_ = Buffer(size_);
}

Parameters::Parameters(Model& model, ParameterScope scope) {
  std::map<const std::byte*, const NamedTensor*> tensors;
  for (const Checkpoint::Place& place : model.checkpoint().tensors())
    tensors[place.tensor->tensor.bytes.data()] = place.tensor;

  struct Source {
    const NamedTensor* named;
    std::optional<Weight> quantised;
  };
  std::vector<Source> sources;
  std::map<const std::byte*, size_t> number;  // in list_, by where the tensor's values are
  const auto add_view = [&](const std::byte* data, const Weight* weight) {
    if (!number.emplace(data, list_.size()).second) return;
    const NamedTensor& named = *tensors.at(data);
    const bool quantised = scope == ParameterScope::kAllDecoded && weight != nullptr && weight->quantised();
    const std::vector<int64_t> shape =
        quantised ? std::vector<int64_t>{weight->out, weight->in} : named.tensor.shape;
    Parameter p{named.name, shape, role_of(named.name, shape.size()), DType::kBF16, 0, 1};
    for (const int64_t n : shape) p.size *= n;
    if (p.role == ParameterRole::kScalar || p.role == ParameterRole::kBias || ends_with(p.name, "_fn"))
      p.stored = DType::kF32;
    sources.push_back({&named, quantised ? std::optional(*weight) : std::nullopt});
    add(std::move(p));
  };
  const bool with_matrices = scope != ParameterScope::kVectors;
  ModelViews([&](auto& view) {
    using View = std::remove_cvref_t<decltype(view)>;
    if constexpr (std::is_same_v<View, Weight>) {
      if (with_matrices) add_view(view.data, &view);
    } else if constexpr (std::is_same_v<View, NormWeight>) {
      add_view(view.data, nullptr);
    } else {
      add_view(view, nullptr);
    }
  }).model(model);

  make_room();
  for (size_t i = 0; i < list_.size(); ++i) {
    float* const to = masters_.data() + list_[i].offset;
    if (const std::optional<Weight>& weight = sources[i].quantised) {
      decode_weight(*weight, to);
    } else {
      decode(*sources[i].named, to);
    }
  }
  std::copy_n(masters_.data(), size_, values_.data());

  const auto values_of = [&](const std::byte* data) {
    return reinterpret_cast<const std::byte*>(values_.data() + list_[number.at(data)].offset);
  };
  ModelViews([&](auto& view) {
    using View = std::remove_cvref_t<decltype(view)>;
    if constexpr (std::is_same_v<View, Weight>) {
      if (!with_matrices) return;
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
