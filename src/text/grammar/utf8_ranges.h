// The UTF-8 of a range of code points as sequences of byte ranges. Surrogates have none.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "text/grammar/expr.h"

namespace hadal::grammar {

struct Utf8Sequence {
  struct Range {
    uint8_t low, high;
  };
  std::array<Range, 4> bytes{};
  uint8_t size = 0;
};

// Appends what spells exactly the characters of the range.
void append_utf8_sequences(CodePoints range, std::vector<Utf8Sequence>& out);

}  // namespace hadal::grammar
