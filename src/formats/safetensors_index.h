// model.safetensors.index.json: which file of the folder has which tensor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct IndexEntry {
  std::string tensor;
  std::string file;  // a plain name in the index's own folder
};

// The entries of weight_map, sorted by file, then tensor. Error(kInvalidModel) for anything but a map from
// tensor names, each once, to plain names of .safetensors files; so no file outside the folder is ever
// opened.
std::vector<IndexEntry> parse_safetensors_index(std::string_view json, const std::string& origin);

}  // namespace hadal
