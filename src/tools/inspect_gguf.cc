// GGUF files as text and as JSON.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <bit>
#include <cmath>
#include <ostream>
#include <sstream>

#include "base/check.h"
#include "base/json.h"
#include "base/printable.h"
#include "base/sha256.h"
#include "tools/inspect_files.h"
#include "tools/json_writer.h"
#include "tools/readable.h"
#include "tools/tensor_table.h"

namespace hadal {
namespace {

// repr() of Python.
std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return python_float(value);
}

struct Float {
  std::string bits;  // hex, big end first
  std::string text;
};

Float float_value(GgufType type, GgufCursor& cursor) {
  if (type == GgufType::kFloat32) {
    const auto value = cursor.scalar<float>();
    return {fmt::format("{:08x}", std::bit_cast<uint32_t>(value)), python_repr(value)};
  }
  const auto value = cursor.scalar<double>();
  return {fmt::format("{:016x}", std::bit_cast<uint64_t>(value)), python_repr(value)};
}

void list_value(GgufType type, GgufCursor& cursor, JsonWriter& json) {
  switch (type) {
    case GgufType::kUint8:
      return json.integer(cursor.scalar<uint8_t>());
    case GgufType::kInt8:
      return json.integer(cursor.scalar<int8_t>());
    case GgufType::kUint16:
      return json.integer(cursor.scalar<uint16_t>());
    case GgufType::kInt16:
      return json.integer(cursor.scalar<int16_t>());
    case GgufType::kUint32:
      return json.integer(cursor.scalar<uint32_t>());
    case GgufType::kInt32:
      return json.integer(cursor.scalar<int32_t>());
    case GgufType::kUint64:
      return json.integer(cursor.scalar<uint64_t>());
    case GgufType::kInt64:
      return json.integer(cursor.scalar<int64_t>());
    case GgufType::kBool:
      return json.boolean(cursor.scalar<uint8_t>() != 0);
    case GgufType::kString:
      return json.text(cursor.string());
    case GgufType::kFloat32:
    case GgufType::kFloat64: {
      const Float value = float_value(type, cursor);
      json.begin_object();
      json.field("bits", value.bits);
      json.field("text", value.text);
      return json.end_object();
    }
    case GgufType::kArray: {
      const GgufArray array = cursor.array();
      json.begin_object();
      json.field("of", gguf_type_name(array.of));
      json.field("count", array.count);
      json.key("items");
      json.begin_array();
      for (uint64_t i = 0; i < array.count; ++i) list_value(array.of, cursor, json);
      json.end_array();
      return json.end_object();
    }
  }
}

void list_tensor(const GgufTensor& tensor, uint64_t data_start, JsonWriter& json) {
  json.begin_object();
  json.field("name", tensor.name);
  json.field("type", tensor.type->name);
  json.field("type_id", tensor.type->id);
  json.key("dims");
  json.begin_array();
  for (const uint64_t dim : tensor.dims) json.integer(dim);
  json.end_array();
  json.field("offset", tensor.offset);
  json.field("file_offset", data_start + tensor.offset);
  json.field("nbytes", tensor.bytes.size());
  json.field("sha256", sha256_hex(tensor.bytes));
  json.end_object();
}

// A value in a few words.
std::string brief(const GgufMetadata& entry) {
  GgufCursor cursor(entry.value);
  switch (entry.type) {
    case GgufType::kArray: {
      const GgufArray array = cursor.array();
      return fmt::format("{} of {}", grouped(array.count), gguf_type_name(array.of));
    }
    case GgufType::kFloat32:
    case GgufType::kFloat64:
      return float_value(entry.type, cursor).text;
    case GgufType::kString: {
      constexpr size_t kLongest = 60;
      const std::string_view text = cursor.string();
      return text.size() <= kLongest ? printable(text)
                                     : fmt::format("text of {} bytes", grouped(text.size()));
    }
    default:
      break;
  }
  std::ostringstream text;
  JsonWriter json(text);
  list_value(entry.type, cursor, json);
  return text.str();
}

}  // namespace

void list_gguf(const Gguf& file, std::ostream& out) {
  const GgufContents& contents = file.contents();
  JsonWriter json(out);
  json.begin_object();
  json.field("version", kGgufVersion);
  json.field("alignment", contents.alignment);
  json.field("data_start", contents.data_start);
  json.field("file_bytes", file.bytes().size());
  json.field("file_sha256", sha256_hex(file.bytes()));
  json.key("metadata");
  json.begin_array();
  for (const GgufMetadata& entry : contents.metadata) {
    json.begin_object();
    json.field("key", entry.key);
    json.field("type", gguf_type_name(entry.type));
    json.key("value");
    GgufCursor cursor(entry.value);
    list_value(entry.type, cursor, json);
    json.end_object();
  }
  json.end_array();
  json.key("tensors");
  json.begin_array();
  for (const GgufTensor& tensor : contents.tensors) list_tensor(tensor, contents.data_start, json);
  json.end_array();
  json.end_object();
  out << '\n';
}

void describe_gguf(const Gguf& file, const std::string& path, std::ostream& out) {
  const GgufContents& contents = file.contents();
  fmt::print(out, "{}: GGUF version {}, {} tensors, {}\n", path, kGgufVersion,
             grouped(contents.tensors.size()), readable_bytes(file.bytes().size()));
  if (!contents.metadata.empty()) fmt::print(out, "\nmetadata\n");
  for (const GgufMetadata& entry : contents.metadata)
    fmt::print(out, "  {:<44} {:<8} {}\n", printable(entry.key), gguf_type_name(entry.type), brief(entry));
  if (contents.tensors.empty()) return;
  fmt::print(out, "\ntensors (innermost dimension first)\n");
  TensorSums sums;
  for (const GgufTensor& tensor : contents.tensors) {
    print_tensor(out, tensor.name, tensor.type->name, fmt::format("[{}]", fmt::join(tensor.dims, ", ")),
                 tensor.bytes.size());
    sums[std::string(tensor.type->name)].add(tensor.bytes.size());
  }
  fmt::print(out, "\nbytes\n");
  print_sums(out, sums);
}

}  // namespace hadal
