#include "tools/make_random.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "formats/config.h"
#include "formats/safetensors.h"
#include "text/chat_dialect.h"
#include "tools/random_fill.h"
#include "tools/random_layout.h"
#include "tools/random_tokenizer.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMaker = "hadal make-random";
constexpr int64_t kChunkBytes = 16 << 20;

// A shard: a run of the layout's tensors.
struct Shard {
  size_t first = 0;
  size_t last = 0;
  uint64_t bytes = 0;
  std::string file;
};

uint64_t stored_bytes(const RandomTensor& tensor) {
  const RandomFiller filler(tensor, 0);
  return static_cast<uint64_t>(filler.rows() * filler.row_bytes() +
                               filler.scale_rows() * filler.scale_row_bytes());
}

std::vector<Shard> cut_into_shards(const std::vector<RandomTensor>& tensors, uint64_t limit) {
  std::vector<Shard> shards(1);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t bytes = stored_bytes(tensors[i]);
    if (shards.back().bytes > 0 && shards.back().bytes + bytes > limit) shards.push_back({i, i, 0, ""});
    shards.back().last = i + 1;
    shards.back().bytes += bytes;
  }
  for (size_t s = 0; s < shards.size(); ++s)
    shards[s].file = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size());
  return shards;
}

std::string scale_name(const RandomTensor& tensor) {
  const std::string& weight = tensor.name;
  return weight.substr(0, weight.size() - std::string_view("weight").size()).append(tensor.scale_suffix);
}

std::vector<SafetensorsWriter::Entry> entries_of(std::span<const RandomTensor> tensors) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const RandomTensor& tensor : tensors) {
    entries.push_back({tensor.name, tensor.dtype, tensor.shape});
    if (!tensor.has_scales()) continue;
    if (tensor.dtype == DType::kI8) entries.back().shape[1] /= 2;
    const RandomFiller filler(tensor, 0);
    entries.push_back({scale_name(tensor), DType::kF8E8M0, {filler.scale_rows(), filler.scale_row_bytes()}});
  }
  return entries;
}

// Whole tiles of rows, as many as make a chunk, shared by the workers.
void write_tensor(const RandomTensor& tensor, uint64_t seed, ThreadPool& pool, SafetensorsWriter& writer) {
  const RandomFiller filler(tensor, seed);
  const int64_t row_bytes = filler.row_bytes();
  const int64_t tiles = std::max<int64_t>(1, kChunkBytes / (row_bytes * kRandomTile));
  const int64_t step = std::min(tiles * kRandomTile, filler.rows());
  std::vector<std::byte> rows(static_cast<size_t>(step * row_bytes));
  std::vector<std::byte> scales(static_cast<size_t>(filler.scale_rows() * filler.scale_row_bytes()));
  for (int64_t first = 0; first < filler.rows(); first += step) {
    const int64_t count = std::min(step, filler.rows() - first);
    pool.run([&](int worker) {
      const Range part = part_of(count, worker, pool.threads(), kRandomTile);
      if (part.first < part.last)
        filler.fill(first + part.first, first + part.last, rows.data() + part.first * row_bytes,
                    scales.data());
    });
    writer.append({rows.data(), static_cast<size_t>(count * row_bytes)});
  }
  writer.append(scales);
}

std::string index_json(const std::vector<RandomTensor>& tensors, const std::vector<Shard>& shards) {
  uint64_t total = 0;
  std::string map;
  for (const Shard& shard : shards) {
    total += shard.bytes;
    for (const auto& entry : entries_of(std::span(tensors).subspan(shard.first, shard.last - shard.first)))
      map += fmt::format("{}\n    \"{}\": \"{}\"", map.empty() ? "" : ",", entry.name, shard.file);
  }
  return fmt::format("{{\n  \"metadata\": {{\"total_size\": {}}},\n  \"weight_map\": {{{}\n  }}\n}}\n", total,
                     map);
}

bool made_here(const std::string& path) {
  const Safetensors file = Safetensors::open(path, LoadMode::kMmap);
  const std::pair<std::string, std::string> mark("made_by", kMaker);
  return std::ranges::find(file.metadata(), mark) != file.metadata().end();
}

// Files of an earlier run may be replaced, somebody's model never.
void clear_folder(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) fail(ErrorCode::kIo, "{}: cannot make the folder: {}", dir.string(), error.message());
  std::vector<fs::path> old;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".safetensors") {
      if (!made_here(path.string()))
        fail(ErrorCode::kUsage, "{} was not made by {}; choose another folder", path.string(), kMaker);
      old.push_back(path);
    } else if (path.filename() == "model.safetensors.index.json") {
      old.push_back(path);
    }
  }
  if (error) fail(ErrorCode::kIo, "{}: cannot list the folder: {}", dir.string(), error.message());
  if (old.empty() && fs::exists(dir / "config.json", error))
    fail(ErrorCode::kUsage, "{} has a config.json that was not made by {}; choose another folder",
         dir.string(), kMaker);
  for (const fs::path& path : old) fs::remove(path, error);
}

void require_room(const fs::path& dir, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(dir, error);
  if (!error && space.available < bytes)
    fail(ErrorCode::kIo,
         "{}: the checkpoint takes {:.1f} GB and the disk has {:.1f} GB left; choose another place",
         dir.string(), static_cast<double>(bytes) * 1e-9, static_cast<double>(space.available) * 1e-9);
}

// What config.json refuses is here a mistake on the command line.
ModelConfig checked_config(const std::string& json) {
  try {
    return parse_config(json, "the preset with --set");
  } catch (const Error& e) {
    throw Error(ErrorCode::kUsage, e.what());
  }
}

constexpr std::string_view kGenerationConfig = R"({
  "_from_model_config": true,
  "bos_token_id": 0,
  "eos_token_id": 1,
  "do_sample": true,
  "temperature": 1.0,
  "top_p": 1.0,
  "transformers_version": "4.57.1"
}
)";

}  // namespace

MakeRandomResult make_random(const std::string& dir, const MakeRandomOptions& options) {
  const std::string config_json = random_config_json(options.preset, options.sets, options.format);
  const ModelConfig config = checked_config(config_json);
  const std::vector<RandomTensor> tensors = random_layout(config, options.format);
  const std::vector<Shard> shards = cut_into_shards(tensors, options.shard_bytes);

  MakeRandomResult result;
  result.files = static_cast<int64_t>(shards.size());
  for (const Shard& shard : shards) result.tensor_bytes += shard.bytes;
  for (const RandomTensor& tensor : tensors) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    if (tensor.fill != RandomFill::kHashIds) result.parameters += elements;
    result.tensors += tensor.has_scales() ? 2 : 1;
  }

  const fs::path folder(dir);
  clear_folder(folder);
  require_room(folder, result.tensor_bytes);
  ThreadPool pool(options.threads);
  for (const Shard& shard : shards) {
    const auto part = std::span(tensors).subspan(shard.first, shard.last - shard.first);
    SafetensorsWriter writer((folder / shard.file).string(), entries_of(part),
                             {{"format", "pt"}, {"made_by", std::string(kMaker)}});
    for (const RandomTensor& tensor : part) write_tensor(tensor, options.seed, pool, writer);
    writer.finish();
  }
  const auto write = [&](std::string_view name, std::string_view text) {
    write_file_atomically((folder / name).string(), text);
  };
  if (shards.size() > 1) write("model.safetensors.index.json", index_json(tensors, shards));
  const bool marks_system = traits_of(chat_dialect_of_model(config.family.model_type)).marks_system;
  if (const std::optional<std::string> tokenizer = random_tokenizer_json(config.vocab_size, marks_system)) {
    write("tokenizer.json", *tokenizer);
  } else {
    log_warning("vocab_size {} has no room for 256 bytes and the control tokens: no tokenizer.json written",
                config.vocab_size);
  }
  write("generation_config.json", kGenerationConfig);
  write("config.json", config_json);
  return result;
}

}  // namespace hadal
