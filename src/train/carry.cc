#include "train/carry.h"

#include "base/error.h"
#include "base/file.h"
#include "formats/safetensors.h"

namespace hadal {
namespace {

constexpr std::string_view kFormat = "hadal-carry-1";

}  // namespace

void write_carry(const std::string& checkpoint, const std::string& path) {
  if (file_exists(checkpoint + "/adapter.safetensors"))
    fail(ErrorCode::kUsage, "{}: a run that trains an adapter has no carry file; its adapter is as small",
         checkpoint);
  const WholeModel whole(checkpoint, StoreMode::kBf16);
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<StoredTensor> stored;
  for (const HashTable& table : whole.tables()) entries.push_back({table.name, DType::kI64, table.shape});
  for (const DType width : {DType::kF32, DType::kBF16}) {
    for (const Parameter& p : whole.parameters().list()) {
      if (p.stored != width) continue;
      stored.push_back(store_tensor(p, whole.parameters().masters() + p.offset, StoreMode::kBf16));
      entries.push_back({p.name, stored.back().dtype, stored.back().shape});
    }
  }
  SafetensorsWriter writer(path, entries,
                           {{"format", std::string(kFormat)},
                            {"state", state_json(RunFolder::read_state(checkpoint))},
                            {"config", whole.config_json()},
                            {"tokenizer", whole.tokenizer_json()}});
  for (const HashTable& table : whole.tables()) writer.append(std::as_bytes(std::span(table.ids)));
  for (const StoredTensor& tensor : stored) writer.append(tensor.bytes);
  writer.finish();
}

RunState unpack_carry(const std::string& path, const std::string& dir) {
  const Safetensors file = Safetensors::open(path, LoadMode::kRead);
  const auto text = [&](std::string_view key) -> const std::string& {
    for (const auto& [name, value] : file.metadata())
      if (name == key) return value;
    fail(ErrorCode::kInvalidModel, "{}: its metadata have no {}; it is no carry file of hadal train", path,
         key);
  };
  if (text("format") != kFormat)
    fail(ErrorCode::kInvalidModel, "{}: it is no carry file of hadal train ({})", path, kFormat);
  const RunState state = parse_state(text("state"), path);
  std::vector<SafetensorsWriter::Entry> entries;
  for (const NamedTensor& named : file.tensors())
    entries.push_back({named.name, named.tensor.dtype, named.tensor.shape});
  SafetensorsWriter writer(dir + "/model.safetensors", entries);
  for (const NamedTensor& named : file.tensors()) writer.append(named.tensor.bytes);
  writer.finish();
  write_file_atomically(dir + "/config.json", text("config"));
  if (!text("tokenizer").empty()) write_file_atomically(dir + "/tokenizer.json", text("tokenizer"));
  return state;
}

}  // namespace hadal
