// A byte range of a UTF-8 text. Rendered prompts carry the ranges of their control tokens (markup); the rest
// is content.
#pragma once

#include <cstdint>

namespace hadal {

// Bytes [begin, end).
struct TextRange {
  int64_t begin = 0;
  int64_t end = 0;
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

}  // namespace hadal
