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
#include "train/side_files.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kMaxStateFile = uint64_t{1} << 20;

void io_failure(const std::string& path, const std::error_code& error) {
  fail(ErrorCode::kIo, "{}: {}", path, error.message());
}

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
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

std::string state_json(const RunState& state) {
  JsonObject settings;
  for (const auto& [key, value] : state.settings) settings.set(key, value);
  JsonObject json;
  json.set("step", state.step);
  json.set("tokens", state.tokens);
  json.set("epoch", state.position.epoch);
  json.set("row", state.position.row);
  json.set("data_sha256", state.data_sha256);
  if (state.restart != 0) json.set("restart", state.restart);
  json.set("settings", std::move(settings));
  return dump_json(std::move(json)) + "\n";
}

RunState parse_state(const std::string& text, const std::string& origin) {
  const std::optional<Json> json = parse_json(text);
  if (!json || json->object() == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: it is not a JSON object", origin);
  RunState state;
  state.step = integer(*json, "step", origin);
  state.tokens = integer(*json, "tokens", origin);
  state.position = {static_cast<uint64_t>(integer(*json, "epoch", origin)),
                    static_cast<uint64_t>(integer(*json, "row", origin))};
  if (json->find("restart") != nullptr) state.restart = integer(*json, "restart", origin);
  const Json* const sha = json->find("data_sha256");
  const Json* const settings = json->find("settings");
  if (sha == nullptr || sha->string() == nullptr || settings == nullptr || settings->object() == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: data_sha256 or settings is missing", origin);
  state.data_sha256 = *sha->string();
  for (const JsonMember& member : settings->object()->members()) {
    if (member.value.string() == nullptr)
      fail(ErrorCode::kInvalidModel, "{}: settings have a value that is not a string", origin);
    state.settings.emplace_back(member.key, *member.value.string());
  }
  return state;
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

void RunFolder::save(const RunState& state, const RunWeights& weights, const Optimizer& optimizer,
                     int64_t keep) const {
  const std::string all = path_ + "/checkpoints";
  const std::string name = fmt::format("step-{:08}", state.step);
  make_folder(all);
  Unfinished folder(all + "/" + name + ".tmp");
  const std::string dir = all + "/" + name + ".tmp";
  weights.write(dir);
  SafetensorsWriter writer(
      dir + "/optimizer.safetensors",
      {{"first", DType::kF32, {optimizer.first.size()}}, {"second", DType::kF32, {optimizer.second.size()}}});
  writer.append(bytes_of(optimizer.first));
  writer.append(bytes_of(optimizer.second));
  writer.finish();
  write_file_atomically(dir + "/state.json", state_json(state));
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

RunState RunFolder::read_state(const std::string& checkpoint) {
  const std::string path = checkpoint + "/state.json";
  return parse_state(read_file(path, kMaxStateFile), path);
}

RunState RunFolder::load(const std::string& checkpoint, Optimizer& optimizer) {
  const RunState state = read_state(checkpoint);
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
