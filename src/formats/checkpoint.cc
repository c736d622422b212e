#include "formats/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "formats/json.h"
#include "formats/safetensors_index.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

std::vector<IndexEntry> read_index(const std::string& path) {
  return parse_safetensors_index(read_file(path, kMaxIndexBytes), path);
}

}  // namespace

Checkpoint Checkpoint::open(const std::string& dir, LoadMode mode) {
  if (!is_directory(dir)) fail(ErrorCode::kIo, "{}: no such folder; name the folder of a model", dir);
  Checkpoint checkpoint;
  checkpoint.dir_ = dir;
  const std::string config = dir + "/config.json";
  checkpoint.config_ = parse_config(read_file(config, kMaxConfigBytes), config);
  const std::string generation = dir + "/generation_config.json";
  if (file_exists(generation))
    checkpoint.generation_ = parse_generation_config(read_file(generation, kMaxConfigBytes), generation);
  if (file_exists(dir + "/" + kIndexName)) {
    checkpoint.open_shards(mode);
  } else if (file_exists(dir + "/" + kSingleName)) {
    checkpoint.open_single(mode);
  } else {
    fail(ErrorCode::kIo, "{}: neither {} nor {} is there; name the folder of a complete model", dir,
         kIndexName, kSingleName);
  }
  std::sort(checkpoint.by_name_.begin(), checkpoint.by_name_.end(),
            [](const Place& a, const Place& b) { return a.tensor->name < b.tensor->name; });
  for (const Place& place : checkpoint.by_name_)
    checkpoint.tensor_bytes_ += place.tensor->tensor.bytes.size();
  return checkpoint;
}

void Checkpoint::open_single(LoadMode mode) {
  files_.push_back(Safetensors::open(dir_ + "/" + kSingleName, mode));
  for (const NamedTensor& tensor : files_[0].tensors()) by_name_.push_back({&tensor, &files_[0]});
}

void Checkpoint::open_shards(LoadMode mode) {
  const std::string path = dir_ + "/" + kIndexName;
  const std::vector<IndexEntry> index = read_index(path);
  size_t shards = 0;
  for (size_t i = 0; i < index.size(); ++i) shards += i == 0 || index[i].file != index[i - 1].file ? 1 : 0;
  files_.reserve(shards);  // by_name_ points into it
  by_name_.reserve(index.size());
  for (size_t i = 0; i < index.size(); ++i) {
    if (i == 0 || index[i].file != index[i - 1].file)
      files_.push_back(Safetensors::open(dir_ + "/" + index[i].file, mode));
    const NamedTensor* const tensor = files_.back().find_named(index[i].tensor);
    if (tensor == nullptr)
      fail(ErrorCode::kInvalidModel,
           "{}: weight_map has {} in {}, which lacks it; index and files do not belong together: fetch them "
           "again",
           path, shown(index[i].tensor), shown(index[i].file));
    by_name_.push_back({tensor, &files_.back()});
  }
  check_unlisted(path);
}

// A tensor that the index does not list is left out, unless another file has one of that name.
void Checkpoint::check_unlisted(const std::string& index_path) const {
  std::vector<std::string_view> names;
  for (const Safetensors& file : files_)
    for (const NamedTensor& tensor : file.tensors()) names.push_back(tensor.name);
  if (names.size() == by_name_.size()) return;
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    fail(ErrorCode::kInvalidModel, "{}: tensor {} is in two of the files; fetch the model again", index_path,
         shown(*twice));
  log_warning("{}: the files have {} tensors that weight_map does not list; they are left out", index_path,
              names.size() - by_name_.size());
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [](const Place& place, std::string_view wanted) { return place.tensor->name < wanted; });
  if (at == by_name_.end() || at->tensor->name != name) return nullptr;
  return &at->tensor->tensor;
}

int64_t Checkpoint::mtp_blocks() const {
  constexpr std::string_view kPrefix = "mtp.";
  std::vector<int64_t> blocks;
  for (const Place& place : by_name_) {
    const std::string_view name = place.tensor->name;
    if (!name.starts_with(kPrefix)) continue;
    int64_t block = 0;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, block);
    if (error == std::errc() && rest != end && *rest == '.') blocks.push_back(block);
  }
  std::sort(blocks.begin(), blocks.end());
  return std::unique(blocks.begin(), blocks.end()) - blocks.begin();
}

}  // namespace hadal
