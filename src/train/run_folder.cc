#include "train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "formats/safetensors.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kMaxStateFile = uint64_t{1} << 20;

void io_failure(const std::string& path, const std::error_code& error) {
  fail(ErrorCode::kIo, "{}: {}", path, error.message());
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) io_failure(path, error);
}

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string scale_name(const std::string& weight) {
  return weight.substr(0, weight.size() - std::string_view("weight").size()) + "scale";
}

// Removes the folder unless keep() is called.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    make_folder(path_);
  }
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void become(const std::string& path) {
    std::error_code error;
    fs::remove_all(path, error);
    fs::rename(path_, path, error);
    if (error) io_failure(path, error);
    path_.clear();
  }

 private:
  std::string path_;
};

std::span<const std::byte> bytes_of(const Buffer& buffer) {
  return std::as_bytes(std::span(buffer.data(), static_cast<size_t>(buffer.size())));
}

int64_t integer(const Json& json, const char* key, const std::string& path) {
  const Json* const value = json.find(key);
  if (value == nullptr || value->integer() == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: {} is missing", path, key);
  return std::stoll(value->integer()->text);
}

}  // namespace

void write_model(const std::string& dir, const std::string& config_json, const Parameters& parameters,
                 const float* values, const std::vector<HashTable>& tables, StoreMode mode) {
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<StoredTensor> stored;
  entries.reserve(tables.size() + 2 * parameters.list().size());
  stored.reserve(parameters.list().size());
  for (const HashTable& table : tables) entries.push_back({table.name, DType::kI64, table.shape});
  // Wide elements first: then all of them are aligned in the file.
  std::vector<const Parameter*> order(parameters.list().size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = &parameters.list()[i];
  std::stable_sort(order.begin(), order.end(), [](const Parameter* a, const Parameter* b) {
    return dtype_bytes(a->stored) > dtype_bytes(b->stored);
  });
  for (const Parameter* p : order) {
    const StoredTensor& tensor = stored.emplace_back(store_tensor(*p, values + p->offset, mode));
    entries.push_back({p->name, tensor.dtype, tensor.shape});
    if (tensor.scales) entries.push_back({scale_name(p->name), DType::kF8E8M0, tensor.scales->shape});
  }
  SafetensorsWriter writer(dir + "/model.safetensors", entries, {{"format", "pt"}});
  for (const HashTable& table : tables) writer.append(std::as_bytes(std::span(table.ids)));
  for (const StoredTensor& tensor : stored) {
    writer.append(tensor.bytes);
    if (tensor.scales) writer.append(tensor.scales->bytes);
  }
  writer.finish();
  write_file_atomically(dir + "/config.json", config_json);
}

FileLock RunFolder::lock(bool create) const {
  if (create) make_folder(path_);
  if (!fs::is_directory(path_))
    fail(ErrorCode::kUsage, "{}: there is no such run to go on with; leave out --resume to begin it", path_);
  std::optional<FileLock> lock = FileLock::take(path_ + "/lock");
  if (!lock)
    fail(ErrorCode::kUsage,
         "{}: another process trains in this folder; wait for its end, or choose another run.out", path_);
  return *std::move(lock);
}

std::string RunFolder::latest() const {
  const std::string file = path_ + "/latest";
  if (!file_exists(file)) return "";
  const std::string name = read_file(file, kMaxStateFile);
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.')
    fail(ErrorCode::kInvalidModel, "{}: it does not name a checkpoint", file);
  return path_ + "/checkpoints/" + name;
}

void RunFolder::save(const RunState& state, const std::string& config_json, const std::string& tokenizer_json,
                     const Parameters& parameters, const std::vector<HashTable>& tables,
                     const Optimizer& optimizer, int64_t keep) const {
  const std::string all = path_ + "/checkpoints";
  const std::string name = fmt::format("step-{:08}", state.step);
  make_folder(all);
  Unfinished folder(all + "/" + name + ".tmp");
  const std::string dir = all + "/" + name + ".tmp";
  write_model(dir, config_json, parameters, parameters.masters(), tables, StoreMode::kF32);
  if (!tokenizer_json.empty()) write_file_atomically(dir + "/tokenizer.json", tokenizer_json);
  SafetensorsWriter writer(
      dir + "/optimizer.safetensors",
      {{"first", DType::kF32, {optimizer.first.size()}}, {"second", DType::kF32, {optimizer.second.size()}}});
  writer.append(bytes_of(optimizer.first));
  writer.append(bytes_of(optimizer.second));
  writer.finish();
  JsonObject settings;
  for (const auto& [key, value] : state.settings) settings.set(key, value);
  JsonObject json;
  json.set("step", state.step);
  json.set("tokens", state.tokens);
  json.set("epoch", state.position.epoch);
  json.set("row", state.position.row);
  json.set("data_sha256", state.data_sha256);
  json.set("settings", std::move(settings));
  write_file_atomically(dir + "/state.json", dump_json(std::move(json)) + "\n");
  sync_folder(dir);
  folder.become(all + "/" + name);
  sync_folder(all);
  write_file_atomically(path_ + "/latest", name);

  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(all)) {
    const std::string file = entry.path().filename().string();
    if (file.rfind("step-", 0) == 0 && file.find('.') == std::string::npos && file <= name)
      names.push_back(file);
  }
  std::sort(names.begin(), names.end());
  for (size_t i = 0; i + static_cast<size_t>(keep) < names.size(); ++i) {
    std::error_code ignored;
    fs::remove_all(all + "/" + names[i], ignored);
  }
}

RunState RunFolder::load(const std::string& checkpoint, Optimizer& optimizer) {
  const std::string path = checkpoint + "/state.json";
  const std::optional<Json> json = parse_json(read_file(path, kMaxStateFile));
  if (!json || json->object() == nullptr) fail(ErrorCode::kInvalidModel, "{}: it is not a JSON object", path);
  RunState state;
  state.step = integer(*json, "step", path);
  state.tokens = integer(*json, "tokens", path);
  state.position = {static_cast<uint64_t>(integer(*json, "epoch", path)),
                    static_cast<uint64_t>(integer(*json, "row", path))};
  const Json* const sha = json->find("data_sha256");
  const Json* const settings = json->find("settings");
  if (sha == nullptr || sha->string() == nullptr || settings == nullptr || settings->object() == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: data_sha256 or settings is missing", path);
  state.data_sha256 = *sha->string();
  for (const JsonMember& member : settings->object()->members()) {
    if (member.value.string() == nullptr)
      fail(ErrorCode::kInvalidModel, "{}: settings have a value that is not a string", path);
    state.settings.emplace_back(member.key, *member.value.string());
  }
  const Safetensors file = Safetensors::open(checkpoint + "/optimizer.safetensors", LoadMode::kRead);
  for (const auto& [name, buffer] :
       {std::pair("first", &optimizer.first), std::pair("second", &optimizer.second)}) {
    const Tensor* const tensor = file.find(name);
    if (tensor == nullptr || tensor->dtype != DType::kF32 || tensor->elements() != buffer->size())
      fail(ErrorCode::kInvalidModel, "{}: {} is missing or not of this model's size", file.path(), name);
    std::memcpy(buffer->data(), tensor->bytes.data(), tensor->bytes.size());
  }
  return state;
}

}  // namespace hadal
