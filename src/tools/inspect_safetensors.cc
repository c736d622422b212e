// Safetensors files as text and as JSON.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <ostream>

#include "base/printable.h"
#include "tools/inspect_files.h"
#include "tools/json_writer.h"
#include "tools/readable.h"
#include "tools/tensor_table.h"

namespace hadal {

void list_safetensors(const Safetensors& file, std::ostream& out) {
  JsonWriter json(out);
  json.begin_object();
  json.field("kind", "safetensors");
  json.field("file_bytes", file.bytes().size());
  json.key("metadata");
  json.begin_object();
  for (const auto& [key, value] : file.metadata()) json.field(key, value);
  json.end_object();
  json.key("tensors");
  json.begin_array();
  for (const NamedTensor& named : file.tensors()) {
    json.begin_object();
    json.field("name", named.name);
    json.field("dtype", dtype_name(named.tensor.dtype));
    json.key("shape");
    json.begin_array();
    for (const int64_t size : named.tensor.shape) json.integer(size);
    json.end_array();
    json.field("file_offset", named.tensor.bytes.data() - file.bytes().data());
    json.field("nbytes", named.tensor.bytes.size());
    json.end_object();
  }
  json.end_array();
  json.end_object();
  out << '\n';
}

void describe_safetensors(const Safetensors& file, std::ostream& out) {
  fmt::print(out, "{}: safetensors, {} tensors, {}\n", file.path(), grouped(file.tensors().size()),
             readable_bytes(file.bytes().size()));
  if (!file.metadata().empty()) fmt::print(out, "\nmetadata\n");
  for (const auto& [key, value] : file.metadata())
    fmt::print(
        out, "  {:<30} {}\n", printable(key),
        value.size() <= 60 ? printable(value) : fmt::format("text of {} bytes", grouped(value.size())));
  if (file.tensors().empty()) return;
  fmt::print(out, "\ntensors\n");
  TensorSums sums;
  for (const NamedTensor& named : file.tensors()) {
    const std::string_view dtype = dtype_name(named.tensor.dtype);
    const uint64_t bytes = named.tensor.bytes.size();
    print_tensor(out, named.name, dtype, fmt::format("[{}]", fmt::join(named.tensor.shape, ", ")), bytes);
    sums[std::string(dtype)].add(bytes);
  }
  fmt::print(out, "\nbytes\n");
  print_sums(out, sums);
}

}  // namespace hadal
