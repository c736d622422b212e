#include "model/adapter.h"

#include <charconv>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/printable.h"
#include "base/sha256.h"
#include "formats/checkpoint_fingerprint.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

constexpr std::string_view kFormat = "hadal-lora-1";
constexpr std::string_view kA = ".lora_A.weight";
constexpr std::string_view kB = ".lora_B.weight";
constexpr int64_t kMaxRank = 4096;

class Reader {
 public:
  Reader(const Safetensors& file, const Model& model) : file_(file), model_(model) {}

  AdapterConfig config() const {
    if (text("format") != kFormat)
      bad("its metadata say format {}; an adapter of hadal says {}", in_quotes(text("format")), kFormat);
    AdapterConfig config;
    config.rank = number<int64_t>("rank");
    config.alpha = number<double>("alpha");
    config.base = text("base");
    if (config.rank < 1 || config.rank > kMaxRank) bad("rank is {}; expected 1 to {}", config.rank, kMaxRank);
    if (!std::isfinite(config.alpha)) bad("alpha is not finite");
    if (config.base != checkpoint_fingerprint(model_.checkpoint()))
      bad("it belongs to another model than {}: take the one that it was trained on",
          model_.checkpoint().dir());
    return config;
  }

  LowRanks low_ranks(const AdapterConfig& config) const {
    std::map<std::string, const Weight*> targets;
    for (const AdapterTarget& target : adapter_targets(model_)) targets[target.name] = target.weight;
    LowRanks all;
    for (const NamedTensor& named : file_.tensors()) {
      const std::string_view name = named.name;
      const bool is_a = name.ends_with(kA);
      if (!is_a && !name.ends_with(kB)) bad("tensor {} is no part of an adapter", in_quotes(name));
      const auto target = targets.find(std::string(name.substr(0, name.size() - kA.size())));
      if (target == targets.end())
        bad("tensor {} is for a matrix that the model does not have", in_quotes(name));
      const Weight& w = *target->second;
      LowRank& adapter = all[w.data];
      adapter.scale = config.scale();
      (is_a ? adapter.a : adapter.b) =
          is_a ? part(named, config.rank, w.in) : part(named, w.out, config.rank);
    }
    if (all.empty()) bad("it has no tensors");
    for (const auto& [name, weight] : targets) {
      const auto at = all.find(weight->data);
      if (at == all.end() || (at->second.a.data != nullptr && at->second.b.data != nullptr)) continue;
      bad("{} has one of lora_A and lora_B without the other", name);
    }
    return all;
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", file_.path(), fmt::format(format, std::forward<Args>(args)...));
  }
  const std::string& text(std::string_view key) const {
    if (const std::string* const value = file_.metadata(key)) return *value;
    bad("its metadata have no {}; it is no adapter of hadal", key);
  }
  template <typename Number>
  Number number(std::string_view key) const {
    const std::string& value = text(key);
    Number number{};
    const char* const end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || rest != end) bad("{} is {}; expected a number", key, in_quotes(value));
    return number;
  }
  Weight part(const NamedTensor& named, int64_t out, int64_t in) const {
    const Tensor& tensor = named.tensor;
    if (tensor.dtype != DType::kBF16 && tensor.dtype != DType::kF32)
      bad("tensor {} is {}; expected BF16 or F32", named.name, dtype_name(tensor.dtype));
    if (tensor.shape.size() != 2 || tensor.shape[0] != out || tensor.shape[1] != in)
      bad("tensor {} has not the shape [{}, {}] that the model and rank ask for", named.name, out, in);
    const bool bf16 = tensor.dtype == DType::kBF16;
    for (int64_t i = 0; i < out * in; ++i) {
      const float value = bf16 ? bf16_to_f32(load_as<uint16_t>(tensor.bytes.data() + i * 2))
                               : load_as<float>(tensor.bytes.data() + i * 4);
      if (!std::isfinite(value)) bad("tensor {} has a value that is not finite", named.name);
    }
    return {.format = bf16 ? WeightFormat::kBF16 : WeightFormat::kF32,
            .out = out,
            .in = in,
            .data = tensor.bytes.data()};
  }

  const Safetensors& file_;
  const Model& model_;
};

}  // namespace

std::vector<AdapterTarget> adapter_targets(const Model& model) {
  std::map<const std::byte*, std::string_view> names;
  for (const Checkpoint::Place& place : model.checkpoint().tensors())
    names[place.tensor->tensor.bytes.data()] = place.tensor->name;
  std::vector<AdapterTarget> targets;
  const auto add = [&](const Weight& w) {
    const std::string_view name = names.at(w.data);
    targets.push_back({std::string(name.substr(0, name.size() - std::string_view(".weight").size())), &w});
  };
  const auto block = [&](const Block& b) {
    const auto* const attn = std::get_if<CompressedAttention>(&b.attn);
    if (attn == nullptr || b.engram)
      fail(ErrorCode::kUsage, "{}: this is not a DeepSeek-V4 model: only those can have adapters yet",
           model.checkpoint().dir());
    for (const Weight* w : {&attn->wq_a, &attn->wq_b, &attn->wkv, &attn->wo_a, &attn->wo_b}) add(*w);
    const auto expert = [&](const ExpertWeights& e) {
      for (const Weight* w : {&e.w1, &e.w2, &e.w3}) add(*w);
    };
    for (const ExpertWeights& e : b.ffn.experts) expert(e);
    expert(b.ffn.shared_experts);
  };
  for (const Block& b : model.layers) block(b);
  if (model.mtp != nullptr) block(model.mtp->block);
  return targets;
}

std::vector<std::pair<std::string, std::string>> AdapterConfig::metadata() const {
  return {{"format", std::string(kFormat)},
          {"rank", fmt::format("{}", rank)},
          {"alpha", fmt::format("{}", alpha)},
          {"base", base}};
}

Adapter Adapter::open(const std::string& path, const Model& model) {
  Adapter adapter(Safetensors::open(path, LoadMode::kRead));
  const Reader reader(adapter.file_, model);
  adapter.config_ = reader.config();
  adapter.low_ranks_ = reader.low_ranks(adapter.config_);
  return adapter;
}

std::string Adapter::fingerprint() const { return sha256_hex(file_.bytes()); }

}  // namespace hadal
