// The element types of GGUF tensors: ids, names and block sizes. A row is a whole number of blocks.
#pragma once

#include <cstdint>
#include <string_view>

namespace hadal {

struct GgmlType {
  uint32_t id;
  std::string_view name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

// Null for an id that the format does not have, or no longer has.
const GgmlType* ggml_type(uint32_t id);

}  // namespace hadal
