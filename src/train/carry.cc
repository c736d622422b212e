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
  whole.write_weights(path, StoreMode::kBf16,
                      {{"format", std::string(kFormat)},
                       {"state", state_json(RunFolder::read_state(checkpoint))},
                       {"config", whole.config_json()},
                       {"tokenizer", whole.tokenizer_json()}});
}

RunState unpack_carry(const std::string& path, const std::string& dir) {
  const Safetensors file = Safetensors::open(path, LoadMode::kRead);
  const auto text = [&](std::string_view key) -> const std::string& {
    if (const std::string* const value = file.metadata(key)) return *value;
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
