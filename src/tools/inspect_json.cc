// JSON files: read as what their name says, any other only as JSON.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <map>
#include <ostream>

#include "base/file.h"
#include "formats/config.h"
#include "formats/json.h"
#include "formats/safetensors_index.h"
#include "text/tokenizer.h"
#include "tools/inspect_files.h"
#include "tools/json_writer.h"
#include "tools/model_summary.h"
#include "tools/readable.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxJsonBytes = uint64_t{128} << 20;

enum class JsonKind { kConfig, kGeneration, kTokenizer, kIndex, kOther };

JsonKind kind_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name == "config.json") return JsonKind::kConfig;
  if (name == "generation_config.json") return JsonKind::kGeneration;
  if (name == "tokenizer.json") return JsonKind::kTokenizer;
  if (name.ends_with(".safetensors.index.json")) return JsonKind::kIndex;
  return JsonKind::kOther;
}

std::string read(const std::string& path) { return read_file(path, kMaxJsonBytes); }

void describe_config(const std::string& path, bool json, std::ostream& out) {
  const ModelConfig config = parse_config(read_file(path, kMaxConfigBytes), path);
  if (!json) {
    fmt::print(out, "{}: configuration of a model\n", path);
    return print_config(config, out);
  }
  JsonWriter writer(out);
  writer.begin_object();
  writer.field("kind", "config");
  list_config(config, writer);
  writer.end_object();
  out << '\n';
}

void describe_generation(const std::string& path, bool json, std::ostream& out) {
  const GenerationConfig config = parse_generation_config(read_file(path, kMaxConfigBytes), path);
  if (json)
    fmt::print(out,
               "{{\"kind\": \"generation_config\", \"temperature\": {}, \"top_p\": {}, \"top_k\": {}, "
               "\"do_sample\": {}, "
               "\"eos_token_ids\": [{}]}}\n",
               config.temperature, config.top_p, config.top_k, config.do_sample,
               fmt::join(config.eos_token_ids, ", "));
  else
    fmt::print(out, "{}: how to sample: temperature {}, top_p {}, top_k {}{}; text ends at token {}\n", path,
               config.temperature, config.top_p, config.top_k == 0 ? "off" : std::to_string(config.top_k),
               config.do_sample ? "" : ", greedy", fmt::join(config.eos_token_ids, ", "));
}

void describe_tokenizer(const std::string& path, bool json, std::ostream& out) {
  const Tokenizer tokenizer = Tokenizer::from_file(path);
  int64_t control = 0;
  for (size_t id = 0; id < tokenizer.vocab_size(); ++id)
    control += tokenizer.is_added(static_cast<int32_t>(id)) ? 1 : 0;
  if (json)
    fmt::print(out, "{{\"kind\": \"tokenizer\", \"tokens\": {}, \"control_tokens\": {}}}\n",
               tokenizer.vocab_size(), control);
  else
    fmt::print(out, "{}: tokenizer of {} tokens, {} of them control tokens\n", path,
               grouped(tokenizer.vocab_size()), grouped(static_cast<uint64_t>(control)));
}

void describe_index(const std::string& path, bool json, std::ostream& out) {
  std::map<std::string, uint64_t> files;
  uint64_t tensors = 0;
  for (const IndexEntry& entry : parse_safetensors_index(read(path), path)) {
    ++files[entry.file];
    ++tensors;
  }
  if (!json) {
    fmt::print(out, "{}: index of {} tensors in {} files\n", path, grouped(tensors), files.size());
    for (const auto& [name, count] : files) fmt::print(out, "  {:<44} {:>9} tensors\n", name, grouped(count));
    return;
  }
  JsonWriter writer(out);
  writer.begin_object();
  writer.field("kind", "index");
  writer.field("tensors", tensors);
  writer.key("files");
  writer.begin_object();
  for (const auto& [name, count] : files) writer.field(name, count);
  writer.end_object();
  writer.end_object();
  out << '\n';
}

void describe_other(const std::string& path, bool json, std::ostream& out) {
  const std::string text = read(path);
  const JsonFile file(text, path);
  if (json)
    fmt::print(out, "{{\"kind\": \"json\", \"file_bytes\": {}}}\n", text.size());
  else
    fmt::print(out, "{}: JSON, {}\n", path, readable_bytes(text.size()));
}

}  // namespace

std::string check_json_file(const std::string& path) {
  switch (kind_of(path)) {
    case JsonKind::kConfig:
      parse_config(read_file(path, kMaxConfigBytes), path);
      return "configuration";
    case JsonKind::kGeneration:
      parse_generation_config(read_file(path, kMaxConfigBytes), path);
      return "sampling settings";
    case JsonKind::kTokenizer:
      Tokenizer::from_file(path);
      return "tokenizer";
    case JsonKind::kIndex:
      parse_safetensors_index(read(path), path);
      return "index";
    case JsonKind::kOther:
      break;
  }
  const JsonFile sound(read(path), path);
  return "JSON";
}

void describe_json_file(const std::string& path, bool json, std::ostream& out) {
  switch (kind_of(path)) {
    case JsonKind::kConfig:
      return describe_config(path, json, out);
    case JsonKind::kGeneration:
      return describe_generation(path, json, out);
    case JsonKind::kTokenizer:
      return describe_tokenizer(path, json, out);
    case JsonKind::kIndex:
      return describe_index(path, json, out);
    case JsonKind::kOther:
      return describe_other(path, json, out);
  }
}

}  // namespace hadal
