#include "text/grammar/utf8_ranges.h"

#include <algorithm>

namespace hadal::grammar {
namespace {

uint8_t size_of(uint32_t code_point) {
  return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

uint8_t byte_of(uint32_t code_point, uint8_t size, uint8_t i) {
  constexpr uint8_t kLeads[] = {0, 0, 0xC0, 0xE0, 0xF0};
  const uint32_t shifted = code_point >> 6 * (size - 1 - i);
  return static_cast<uint8_t>(i == 0 ? kLeads[size] | shifted : 0x80 | (shifted & 0x3F));
}

// `range` has characters of one size and no surrogates. It is cut until every byte but the last ones, which
// run through all of 0x80..0xBF, is the same in both ends.
void split(CodePoints range, uint8_t size, std::vector<Utf8Sequence>& out) {
  for (uint8_t i = 1; i < size; ++i) {
    const uint32_t mask = (1u << 6 * i) - 1;
    if ((range.low & ~mask) == (range.high & ~mask)) continue;
    if ((range.low & mask) != 0) {
      split({range.low, range.low | mask}, size, out);
      split({(range.low | mask) + 1, range.high}, size, out);
      return;
    }
    if ((range.high & mask) != mask) {
      split({range.low, (range.high & ~mask) - 1}, size, out);
      split({range.high & ~mask, range.high}, size, out);
      return;
    }
  }
  Utf8Sequence sequence;
  sequence.size = size;
  for (uint8_t i = 0; i < size; ++i) {
    sequence.bytes[i] = {byte_of(range.low, size, i), byte_of(range.high, size, i)};
  }
  out.push_back(sequence);
}

}  // namespace

void append_utf8_sequences(CodePoints range, std::vector<Utf8Sequence>& out) {
  constexpr CodePoints kParts[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, kLastCodePoint}};
  for (const CodePoints& part : kParts) {
    const CodePoints cut{std::max(range.low, part.low), std::min(range.high, part.high)};
    if (cut.low <= cut.high) split(cut, size_of(part.low), out);
  }
}

}  // namespace hadal::grammar
