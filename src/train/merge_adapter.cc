// Merging: W + scale * B A, stored in the form that W has in its file; everything else is copied.
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "model/adapter.h"
#include "ops/decode_weight.h"
#include "train/finetune.h"
#include "train/held_out.h"
#include "train/side_files.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kHeldOutRow = 512;

// The form in which a weight is stored, as a parameter that store_tensor() stores so.
std::pair<Parameter, StoreMode> form_of(const std::string& name, const Weight& w, const Checkpoint& base) {
  Parameter p{name, {w.out, w.in}, ParameterRole::kMatrix, DType::kBF16, 0, w.out * w.in};
  switch (w.format) {
    case WeightFormat::kF32:
      return {p, StoreMode::kF32};
    case WeightFormat::kBF16:
      return {p, StoreMode::kBf16};
    case WeightFormat::kFp8:
      if (w.scale_format != ScaleFormat::kE8M0 || w.tile_out != 128 || w.tile_in != 128)
        fail(ErrorCode::kUsage,
             "{}: {} is FP8 with other scales than E8M0 of 128 x 128; merging cannot write it", base.dir(),
             name);
      return {p, StoreMode::kFp8Fp4};
    case WeightFormat::kFp4:
      p.role = ParameterRole::kExpert;
      return {p, StoreMode::kFp8Fp4};
  }
  return {p, StoreMode::kF32};
}

class Merge {
 public:
  Merge(const Model& model, const Adapter& adapter) : model_(model) {
    for (const AdapterTarget& target : adapter_targets(model)) {
      const auto at = adapter.low_ranks().find(target.weight->data);
      if (at != adapter.low_ranks().end()) changed_[target.name + ".weight"] = {target.weight, &at->second};
    }
  }

  // The base's files under their names, so an index stays true.
  void write(const std::string& out) const {
    std::map<const Safetensors*, std::vector<const NamedTensor*>> files;
    for (const Checkpoint::Place& place : model_.checkpoint().tensors()) files[place.file];
    for (auto& [file, tensors] : files) {
      std::vector<SafetensorsWriter::Entry> entries;
      std::map<std::string_view, size_t> number;
      for (const NamedTensor& named : file->tensors()) {
        number[named.name] = entries.size();
        entries.push_back({named.name, named.tensor.dtype, named.tensor.shape});
      }
      SafetensorsWriter writer(out + "/" + fs::path(file->path()).filename().string(), entries,
                               file->metadata());
      std::set<std::string> written;
      for (const NamedTensor& named : file->tensors()) {
        if (changed_.contains(named.name)) write_changed(named.name, number, writer, written);
      }
      for (const NamedTensor& named : file->tensors()) {
        if (!written.contains(named.name)) writer.write(number.at(named.name), 0, named.tensor.bytes);
      }
      writer.finish();
    }
    copy_side_files(model_.checkpoint().dir(), out);
  }

 private:
  struct Change {
    const Weight* weight;
    const LowRank* adapter;
  };

  void write_changed(const std::string& name, const std::map<std::string_view, size_t>& number,
                     SafetensorsWriter& writer, std::set<std::string>& written) const {
    const Change& change = changed_.at(name);
    const auto& [p, mode] = form_of(name, *change.weight, model_.checkpoint());
    const StoredTensor stored = store_tensor(p, merged(change).data(), mode);
    writer.write(number.at(name), 0, stored.bytes);
    written.insert(name);
    if (!stored.scales) return;
    const std::string scales = scale_name(name);
    const auto at = number.find(scales);
    if (at == number.end())
      fail(ErrorCode::kUsage, "{}: {} lies in another file than {}; merging cannot write that",
           model_.checkpoint().dir(), scales, name);
    writer.write(at->second, 0, stored.scales->bytes);
    written.insert(scales);
  }

  static std::vector<float> merged(const Change& change) {
    const Weight& w = *change.weight;
    const auto& [a, b, scale, d_a, d_b] = *change.adapter;
    std::vector<float> values(static_cast<size_t>(w.out * w.in));
    std::vector<float> as(static_cast<size_t>(a.out * a.in)), bs(static_cast<size_t>(b.out * b.in));
    decode_weight(w, values.data());
    decode_weight(a, as.data());
    decode_weight(b, bs.data());
    for (int64_t o = 0; o < w.out; ++o) {
      float* const to = values.data() + o * w.in;
      for (int64_t r = 0; r < a.out; ++r) {
        const float factor = scale * bs[static_cast<size_t>(o * b.in + r)];
        for (int64_t i = 0; i < w.in; ++i)
          to[i] = std::fma(factor, as[static_cast<size_t>(r * a.in + i)], to[i]);
      }
    }
    return values;
  }

  const Model& model_;
  std::map<std::string, Change> changed_;
};

// Natural logarithms of the probabilities of a row of logits.
std::vector<double> log_probabilities(std::span<const float> logits) {
  double largest = logits[0];
  for (const float x : logits) largest = std::max<double>(largest, x);
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  std::vector<double> out(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) out[i] = logits[i] - largest - std::log(sum);
  return out;
}

MergeReport compare(const Model& model, const Adapter& adapter, const Model& merged, const std::string& data,
                    int threads) {
  const DeviceOptions device{Numerics::kStored, chosen_isa(), threads};
  const auto plain = make_ops(device);
  const auto adapted = make_ops(device, adapter.low_ranks());
  const ModelUnderTest models[]{{&model, plain.get()}, {&model, adapted.get()}, {&merged, plain.get()}};
  MergeReport report;
  for_each_logits(data, models, kHeldOutRow, [&](const TrainRows& rows, std::span<const ConstMat> logits) {
    const std::vector<int32_t> targets = next_targets(rows, 1);
    for (size_t t = 0; t < targets.size(); ++t) {
      if (targets[t] < 0) continue;
      const auto row = [&](size_t i) {
        return log_probabilities(
            {logits[i].row(static_cast<int64_t>(t)), static_cast<size_t>(logits[i].cols)});
      };
      const std::vector<double> base = row(0), p = row(1), q = row(2);
      const auto target = static_cast<size_t>(targets[t]);
      ++report.tokens;
      report.loss_base -= base[target];
      report.loss_adapter -= p[target];
      report.loss_merged -= q[target];
      for (size_t i = 0; i < p.size(); ++i) report.kl += std::exp(p[i]) * (p[i] - q[i]);
    }
  });
  const auto tokens = static_cast<double>(std::max<int64_t>(report.tokens, 1));
  for (double* const sum : {&report.loss_base, &report.loss_adapter, &report.loss_merged, &report.kl})
    *sum /= tokens;
  return report;
}

}  // namespace

MergeReport merge_adapter(const MergeOptions& options) {
  const Model model = Model::load(options.model, LoadMode::kMmap);
  const Adapter adapter = Adapter::open(options.adapter, model);
  if (file_exists(options.out + "/config.json"))
    fail(ErrorCode::kUsage, "{}: there is a model already; choose another folder", options.out);
  make_folder(options.out);
  const std::string prepared = options.out + "/held-out.tmp";
  const std::string data = prepared_data(options.data, options.model, prepared);
  Merge(model, adapter).write(options.out);
  const Model merged = Model::load(options.out, LoadMode::kMmap);
  const MergeReport report = compare(model, adapter, merged, data, options.threads);
  fs::remove_all(prepared);
  return report;
}

}  // namespace hadal
