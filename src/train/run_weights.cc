#include "train/run_weights.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "train/initial_values.h"
#include "train/side_files.h"

namespace hadal {
namespace {

std::vector<HashTable> hash_tables(const Model& model) {
  std::vector<HashTable> tables;
  for (const Checkpoint::Place& place : model.checkpoint().tensors()) {
    const Tensor& tensor = place.tensor->tensor;
    if (tensor.dtype != DType::kI64) continue;
    HashTable table{place.tensor->name, tensor.shape,
                    std::vector<int64_t>(static_cast<size_t>(tensor.elements()))};
    for (size_t i = 0; i < table.ids.size(); ++i)
      table.ids[i] = load_as<int64_t>(tensor.bytes.data() + i * 8);
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<uint64_t> token_counts(const DataSet& data, int64_t vocab_size) {
  std::vector<uint64_t> counts(static_cast<size_t>(vocab_size));
  std::vector<int32_t> ids;
  std::vector<uint8_t> learned;
  for (uint64_t d = 0; d < data.documents(); ++d) {
    ids.resize(data.document_tokens(d));
    learned.resize(ids.size());
    data.read(d, 0, ids, learned);
    for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
  }
  return counts;
}

}  // namespace

WholeModel::WholeModel(const std::string& dir, StoreMode seen_as)
    : model_(Model::load(dir, LoadMode::kRead)),
      seen_as_(seen_as),
      tables_(hash_tables(model_)),
      config_json_(read_file(dir + "/config.json", kMaxSideFile)),
      parameters_(model_, ParameterScope::kAllDecoded) {
  tokenizer_json_ = optional_text(dir + "/tokenizer.json");
  require_storable(parameters_, seen_as);
}

void WholeModel::begin(const DataSet& data, uint64_t seed, Residual residual) {
  const ModelConfig& c = model_.config();
  initialise(parameters_, c.num_hidden_layers, seed, residual);
  const std::vector<uint64_t> counts = token_counts(data, c.vocab_size);
  for (size_t i = 0; i < tables_.size(); ++i)
    tables_[i].ids = balanced_hash_table(counts, c.n_routed_experts, c.num_experts_per_tok, seed + i);
}

void WholeModel::write_as(const std::string& dir, StoreMode mode) const {
  write_weights(dir + "/model.safetensors", mode, {{"format", "pt"}});
  write_file_atomically(dir + "/config.json", config_json_);
  if (!tokenizer_json_.empty()) write_file_atomically(dir + "/tokenizer.json", tokenizer_json_);
}

void WholeModel::write_weights(const std::string& path, StoreMode mode,
                               const std::vector<std::pair<std::string, std::string>>& metadata) const {
  const std::vector<Parameter>& list = parameters_.list();
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<StoredTensor> stored;
  entries.reserve(tables_.size() + 2 * list.size());
  stored.reserve(list.size());
  for (const HashTable& table : tables_) entries.push_back({table.name, DType::kI64, table.shape});
  // Wide elements first: then all of them are aligned in the file.
  std::vector<const Parameter*> order(list.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = &list[i];
  std::stable_sort(order.begin(), order.end(), [](const Parameter* a, const Parameter* b) {
    return dtype_bytes(a->stored) > dtype_bytes(b->stored);
  });
  for (const Parameter* p : order) {
    const StoredTensor& tensor =
        stored.emplace_back(store_tensor(*p, parameters_.masters() + p->offset, mode));
    entries.push_back({p->name, tensor.dtype, tensor.shape});
    if (tensor.scales) entries.push_back({scale_name(p->name), DType::kF8E8M0, tensor.scales->shape});
  }
  SafetensorsWriter writer(path, entries, metadata);
  for (const HashTable& table : tables_) writer.append(std::as_bytes(std::span(table.ids)));
  for (const StoredTensor& tensor : stored) {
    writer.append(tensor.bytes);
    if (tensor.scales) writer.append(tensor.scales->bytes);
  }
  writer.finish();
}

}  // namespace hadal
