#include "formats/safetensors_index.h"

#include <algorithm>
#include <tuple>

#include "formats/json.h"

namespace hadal {
namespace {

bool is_plain_name(std::string_view name) {
  return name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos &&
         name.ends_with(".safetensors");
}

std::vector<IndexEntry> read_weight_map(const JsonFile& file, JsonFile::Value map) {
  std::vector<IndexEntry> entries;
  for (const JsonFile::Member& tensor : file.members(map, "weight_map")) {
    std::string_view name;
    if (tensor.value.get(name))
      file.bad("weight_map: {} is {}; expected a file name", shown(tensor.key), shown(tensor.value));
    if (!is_plain_name(name))
      file.bad("weight_map: {} is in {}; expected the plain name of a .safetensors file beside the index",
               shown(tensor.key), shown(name));
    entries.push_back({std::string(tensor.key), std::string(name)});
  }
  return entries;
}

}  // namespace

std::vector<IndexEntry> parse_safetensors_index(std::string_view json, const std::string& origin) {
  const JsonFile file(json, origin);
  for (const JsonFile::Member& member : file.members(file.root(), "")) {
    if (member.key != "weight_map") continue;
    std::vector<IndexEntry> entries = read_weight_map(file, member.value);
    std::sort(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) {
      return std::tie(a.file, a.tensor) < std::tie(b.file, b.tensor);
    });
    return entries;
  }
  file.bad("weight_map is missing; fetch the file again");
}

}  // namespace hadal
