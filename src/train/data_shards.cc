#include "train/data_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/printable.h"
#include "base/sha256.h"

namespace hadal {
namespace {

constexpr std::string_view kFormat = "hadal-data-1";
constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;
constexpr uint64_t kNarrowVocabulary = 65536;

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

JsonObject shard_json(const ShardInfo& shard) {
  JsonObject object;
  object.set("file", shard.file);
  object.set("sha256", shard.sha256);
  object.set("documents", shard.documents);
  object.set("tokens", shard.tokens);
  return object;
}

std::string manifest_text(const DataManifest& manifest) {
  JsonObject object;
  object.set("format", kFormat);
  object.set("tokenizer_sha256", manifest.tokenizer_sha256);
  object.set("vocab_size", manifest.vocab_size);
  object.set("documents", manifest.documents);
  object.set("tokens", manifest.tokens);
  object.set("learned_tokens", manifest.learned_tokens);
  JsonArray shards;
  for (const ShardInfo& shard : manifest.shards) shards.emplace_back(shard_json(shard));
  object.set("shards", std::move(shards));
  return dump_json(std::move(object)) + "\n";
}

// The fields of the manifest, each checked.
class ManifestReader {
 public:
  explicit ManifestReader(std::string path) : path_(std::move(path)) {}

  DataManifest read(std::string_view text) const {
    JsonProblem problem;
    const std::optional<Json> root = parse_json(text, &problem);
    if (!root) bad("not JSON: {} at byte {}", problem.what, problem.offset);
    if (this->text(*root, "format") != kFormat)
      bad("format is {}; this program reads {}", in_quotes(this->text(*root, "format")), kFormat);
    DataManifest manifest;
    manifest.tokenizer_sha256 = this->text(*root, "tokenizer_sha256");
    manifest.vocab_size = number(*root, "vocab_size");
    manifest.documents = number(*root, "documents");
    manifest.tokens = number(*root, "tokens");
    manifest.learned_tokens = number(*root, "learned_tokens");
    const Json* const shards = root->find("shards");
    if (shards == nullptr || shards->array() == nullptr) bad("shards is not a list");
    for (const Json& shard : *shards->array()) {
      ShardInfo info{this->text(shard, "file"), this->text(shard, "sha256"), number(shard, "documents"),
                     number(shard, "tokens")};
      if (info.file.empty() || info.file.find('/') != std::string::npos)
        bad("a shard's file is {}; expected a name without folders", in_quotes(info.file));
      manifest.shards.push_back(std::move(info));
    }
    return manifest;
  }

  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", path_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  const std::string& text(const Json& object, std::string_view key) const {
    const Json* const value = object.find(key);
    if (value == nullptr || value->string() == nullptr) bad("{} is missing or no text", key);
    return *value->string();
  }
  uint64_t number(const Json& object, std::string_view key) const {
    const Json* const value = object.find(key);
    const JsonInteger* const integer = value == nullptr ? nullptr : value->integer();
    constexpr size_t kMostDigits = 15;
    if (integer == nullptr || integer->text.front() == '-' || integer->text.size() > kMostDigits)
      bad("{} is missing or no count", key);
    return std::stoull(integer->text);
  }

  std::string path_;
};

}  // namespace

DataWriter::DataWriter(const std::string& folder, std::string tokenizer_sha256, uint64_t vocab_size,
                       uint64_t shard_tokens)
    : folder_(folder), shard_tokens_(shard_tokens) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) fail(ErrorCode::kIo, "{}: cannot make the folder: {}", folder, problem.message());
  if (file_exists(folder + "/" + kManifestFile))
    fail(ErrorCode::kUsage, "{} holds prepared data already; name another folder or remove it", folder);
  manifest_.tokenizer_sha256 = std::move(tokenizer_sha256);
  manifest_.vocab_size = vocab_size;
}

void DataWriter::add(std::span<const int32_t> ids, std::span<const uint8_t> learned) {
  CHECK(!ids.empty() && ids.size() == learned.size());
  if (!ids_.empty() && ids_.size() + ids.size() > shard_tokens_) write_shard();
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  learned_.insert(learned_.end(), learned.begin(), learned.end());
  starts_.push_back(static_cast<int64_t>(ids_.size()));
  manifest_.learned_tokens += static_cast<uint64_t>(std::ranges::count(learned, 1));
}

void DataWriter::write_shard() {
  ShardInfo info;
  info.file = fmt::format("shard-{:05}.safetensors", manifest_.shards.size());
  info.documents = starts_.size() - 1;
  info.tokens = ids_.size();
  const bool wide = manifest_.vocab_size > kNarrowVocabulary;
  const auto tokens = static_cast<int64_t>(ids_.size());
  const std::string path = folder_ + "/" + info.file;
  SafetensorsWriter writer(path, {{"starts", DType::kI64, {static_cast<int64_t>(starts_.size())}},
                                  {"ids", wide ? DType::kI32 : DType::kU16, {tokens}},
                                  {"learned", DType::kU8, {tokens}}});
  writer.append(bytes_of(starts_));
  writer.append(wide ? bytes_of(ids_) : bytes_of(std::vector<uint16_t>(ids_.begin(), ids_.end())));
  writer.append(bytes_of(learned_));
  writer.finish();
  info.sha256 = sha256_hex(FileView(path, LoadMode::kMmap).bytes());
  manifest_.documents += info.documents;
  manifest_.tokens += info.tokens;
  manifest_.shards.push_back(std::move(info));
  ids_.clear();
  learned_.clear();
  starts_ = {0};
}

DataManifest DataWriter::finish() {
  if (!ids_.empty()) write_shard();
  if (manifest_.documents == 0) fail(ErrorCode::kInvalidModel, "{}: the data have no document", folder_);
  write_file_atomically(folder_ + "/" + kManifestFile, manifest_text(manifest_));
  return manifest_;
}

DataSet DataSet::open(const std::string& folder) {
  const std::string path = folder + "/" + kManifestFile;
  if (!file_exists(path))
    fail(ErrorCode::kIo, "{}: no {}; make one with hadal data prepare", folder, kManifestFile);
  const std::string text = read_file(path, kMaxManifestBytes);
  const ManifestReader reader(path);
  DataSet data;
  data.manifest_ = reader.read(text);
  data.sha256_ = sha256_hex(text);
  for (const ShardInfo& shard : data.manifest_.shards) data.add_shard(folder, shard);
  if (data.documents() != data.manifest_.documents || data.starts_.back() != data.manifest_.tokens)
    reader.bad("{} documents of {} tokens, but its shards hold {} of {}", data.manifest_.documents,
               data.manifest_.tokens, data.documents(), data.starts_.back());
  if (data.documents() == 0) reader.bad("the data have no document");
  return data;
}

void DataSet::add_shard(const std::string& folder, const ShardInfo& info) {
  const std::string path = folder + "/" + info.file;
  const auto bad = [&](const char* what) {
    fail(ErrorCode::kInvalidModel, "{}: {}; prepare the data again", path, what);
  };
  auto file = std::make_unique<Safetensors>(Safetensors::open(path, LoadMode::kMmap));
  if (sha256_hex(file->bytes()) != info.sha256) bad("changed since the data were prepared");
  const Tensor* const starts = file->find("starts");
  const Tensor* const ids = file->find("ids");
  const Tensor* const learned = file->find("learned");
  if (starts == nullptr || ids == nullptr || learned == nullptr)
    bad("has not the tensors starts, ids, learned");
  const bool wide = ids->dtype == DType::kI32;
  if (starts->dtype != DType::kI64 || (!wide && ids->dtype != DType::kU16) || learned->dtype != DType::kU8 ||
      starts->shape.size() != 1 || ids->shape.size() != 1 || learned->shape != ids->shape ||
      starts->elements() != static_cast<int64_t>(info.documents) + 1 ||
      ids->elements() != static_cast<int64_t>(info.tokens))
    bad("its tensors have not the types and sizes that the manifest tells of");
  const uint64_t base = starts_.back();
  for (uint64_t d = 0; d <= info.documents; ++d) {
    const auto start = load_as<int64_t>(starts->bytes.data() + d * sizeof(int64_t));
    const uint64_t least = d == 0 ? base : starts_.back() + 1;
    const bool at_end = d != info.documents || static_cast<uint64_t>(start) == info.tokens;
    if (start < 0 || (d == 0 && start != 0) || base + static_cast<uint64_t>(start) < least || !at_end)
      bad("starts does not cut its tokens into documents");
    if (d > 0) starts_.push_back(base + static_cast<uint64_t>(start));
  }
  for (uint64_t i = 0; wide && i < info.tokens; ++i)
    if (load_as<uint32_t>(ids->bytes.data() + i * sizeof(uint32_t)) >= manifest_.vocab_size)
      bad("has an id past the vocabulary");
  for (uint64_t i = 0; !wide && i < info.tokens; ++i)
    if (load_as<uint16_t>(ids->bytes.data() + i * sizeof(uint16_t)) >= manifest_.vocab_size)
      bad("has an id past the vocabulary");
  shards_.push_back({std::move(file), base, ids->bytes.data(), learned->bytes.data(), wide});
}

void DataSet::read(uint64_t document, uint64_t first, std::span<int32_t> ids,
                   std::span<uint8_t> learned) const {
  CHECK(document < documents() && first + ids.size() <= document_tokens(document) &&
        learned.size() == ids.size());
  const uint64_t token = starts_[document] + first;
  const auto after = std::ranges::upper_bound(shards_, token, {}, &Shard::first_token);
  const Shard& shard = *(after - 1);
  const uint64_t at = token - shard.first_token;
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = shard.wide ? load_as<int32_t>(shard.ids + (at + i) * sizeof(int32_t))
                        : load_as<uint16_t>(shard.ids + (at + i) * sizeof(uint16_t));
  }
  std::memcpy(learned.data(), shard.learned + at, learned.size());
}

}  // namespace hadal
