#include "tools/inspect.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "model/model.h"
#include "tools/inspect_files.h"
#include "tools/json_writer.h"
#include "tools/loaded_model.h"
#include "tools/model_summary.h"
#include "tools/plan.h"
#include "tools/readable.h"
#include "tools/weight_scan.h"

namespace hadal {
namespace {

enum class FileKind { kSafetensors, kGguf, kJson };

FileKind kind_by_magic(const std::string& path) {
  const FileView view(path, LoadMode::kMmap);
  const std::string_view text(reinterpret_cast<const char*>(view.bytes().data()), view.bytes().size());
  if (text.starts_with("GGUF")) return FileKind::kGguf;
  if (text.size() > 8 && text[8] == '{' && load_as<uint64_t>(view.bytes().data()) <= text.size() - 8)
    return FileKind::kSafetensors;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[')) return FileKind::kJson;
  fail(ErrorCode::kInvalidModel,
       "{}: neither safetensors nor GGUF nor JSON; inspect knows these and model folders", path);
}

FileKind kind_of(const std::string& path) {
  if (path.ends_with(".safetensors")) return FileKind::kSafetensors;
  if (path.ends_with(".gguf")) return FileKind::kGguf;
  if (path.ends_with(".json")) return FileKind::kJson;
  return kind_by_magic(path);
}

void say_sound(const InspectOptions& options, const std::string& kind, std::ostream& out) {
  if (options.json) {
    JsonWriter json(out);
    json.begin_object();
    json.field("path", options.path);
    json.field("kind", kind);
    json.key("sound");
    json.boolean(true);
    json.end_object();
    out << '\n';
  } else {
    fmt::print(out, "{}: sound ({})\n", options.path, kind);
  }
}

void inspect_file(const InspectOptions& options, std::ostream& out) {
  switch (kind_of(options.path)) {
    case FileKind::kSafetensors: {
      const Safetensors file = Safetensors::open(options.path, LoadMode::kMmap);
      if (options.check) return say_sound(options, "safetensors", out);
      return options.json ? list_safetensors(file, out) : describe_safetensors(file, out);
    }
    case FileKind::kGguf: {
      const Gguf file = Gguf::open(options.path, LoadMode::kMmap);
      if (options.check) return say_sound(options, "GGUF", out);
      return options.json ? list_gguf(file, out) : describe_gguf(file, options.path, out);
    }
    case FileKind::kJson:
      if (options.check) return say_sound(options, check_json_file(options.path), out);
      return describe_json_file(options.path, options.json, out);
  }
}

// Shapes against the config, the tokenizer against both, and every weight.
void check_model(const InspectOptions& options, std::ostream& out) {
  const Model model = open_model(options.path, LoadMode::kMmap);
  const std::string tokenizer = options.path + "/tokenizer.json";
  if (file_exists(tokenizer)) check_belongs(Tokenizer::from_file(tokenizer), model.config());
  ThreadPool pool(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  scan_weights(model.checkpoint(), pool);
  say_sound(options, "model", out);
}

MemoryPlan plan_of(const Checkpoint& checkpoint, const InspectOptions& options) {
  return plan_memory(checkpoint, {.dir = checkpoint.dir(), .engram = options.engram}, options.ctx, 0);
}

void describe_model(const Checkpoint& checkpoint, const InspectOptions& options, std::ostream& out) {
  const ModelSummary summary = summarise(checkpoint);
  fmt::print(out, "{}: {} model\n", checkpoint.dir(), checkpoint.config().family.name);
  print_config(checkpoint.config(), out);
  fmt::print(out, "\n{:<20} {:>16} {:>16} {:>12}\n", "part", "parameters", "for a token", "bytes");
  const auto line = [&](std::string_view name, const PartSum& sum) {
    fmt::print(out, "  {:<18} {:>16} {:>16} {:>12}\n", name, readable_count(sum.parameters),
               readable_count(sum.active), readable_bytes(sum.bytes));
  };
  for (size_t i = 0; i < kParts; ++i) {
    if (summary.parts[i].bytes > 0) line(part_name(static_cast<Part>(i)).text, summary.parts[i]);
    if (static_cast<Part>(i) == Part::kHead) line("main model", summary.main());
  }
  fmt::print(out, "\nbytes\n");
  print_sums(out, summary.dtypes);
  fmt::print(out, "  {:<10} {:>9} tensors {:>12}\n", "together", grouped(checkpoint.tensors().size()),
             readable_bytes(checkpoint.tensor_bytes()));
  if (options.ctx > 0) {
    out << '\n' << plan_text(plan_of(checkpoint, options), std::nullopt);
  }
}

void list_model(const Checkpoint& checkpoint, const InspectOptions& options, std::ostream& out) {
  const ModelSummary summary = summarise(checkpoint);
  const auto list = [](JsonWriter& json, std::string_view name, const PartSum& sum) {
    json.key(name);
    json.begin_object();
    json.field("parameters", sum.parameters);
    json.field("active", sum.active);
    json.field("bytes", sum.bytes);
    json.end_object();
  };
  JsonWriter json(out);
  json.begin_object();
  json.field("kind", "model");
  json.key("config");
  json.begin_object();
  list_config(checkpoint.config(), json);
  json.end_object();
  json.field("tensors", checkpoint.tensors().size());
  json.field("bytes", checkpoint.tensor_bytes());
  list(json, "main", summary.main());
  json.key("parts");
  json.begin_object();
  for (size_t i = 0; i < kParts; ++i) list(json, part_name(static_cast<Part>(i)).key, summary.parts[i]);
  json.end_object();
  json.key("dtypes");
  json.begin_object();
  for (const auto& [name, sum] : summary.dtypes) {
    json.key(name);
    json.begin_object();
    json.field("tensors", sum.tensors);
    json.field("bytes", sum.bytes);
    json.end_object();
  }
  json.end_object();
  if (options.ctx > 0) {
    json.key("plan");
    json.value(plan_json(plan_of(checkpoint, options), std::nullopt));
  }
  json.end_object();
  out << '\n';
}

}  // namespace

void inspect(const InspectOptions& options, std::ostream& out) {
  if (options.ctx < 0 || options.ctx > kMaxTokens)
    fail(ErrorCode::kUsage, "--ctx is {}; expected 1 to {} tokens", options.ctx, kMaxTokens);
  const bool folder = is_directory(options.path);
  if (options.ctx > 0 && !folder)
    fail(ErrorCode::kUsage, "--ctx plans the memory of a model; name its folder");
  if (!folder) {
    inspect_file(options, out);
  } else if (options.check) {
    check_model(options, out);
  } else {
    const Checkpoint checkpoint = Checkpoint::open(options.path, LoadMode::kMmap);
    options.json ? list_model(checkpoint, options, out) : describe_model(checkpoint, options, out);
  }
  out.flush();
  if (!out) fail(ErrorCode::kIo, "the result cannot be written");
}

}  // namespace hadal
