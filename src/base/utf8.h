// UTF-8, one character at a time, for bytes of any kind. Invalid input is an ordinary outcome here, never an
// error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hadal {

enum class Utf8Status : uint8_t {
  kValid,
  kInvalid,     // these bytes cannot begin a character
  kUnfinished,  // the text ends inside what may become a character
};

struct Utf8Char {
  uint32_t code_point;  // only when valid
  uint8_t size;  // bytes of the character; else of the maximal part that is a prefix of one (1 at least)
  Utf8Status status;
};

// The character at p; p < end. Overlong forms, surrogates and values past U+10FFFF are invalid.
inline Utf8Char next_utf8(const char* p, const char* end) {
  const auto lead = static_cast<uint8_t>(*p);
  if (lead < 0x80) return {lead, 1, Utf8Status::kValid};
  if (lead < 0xC2 || lead > 0xF4) return {0, 1, Utf8Status::kInvalid};
  const uint8_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // What the second byte may be keeps overlong forms and surrogates out.
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  uint32_t code_point = lead & (0x7Fu >> size);
  for (uint8_t i = 1; i < size; ++i) {
    if (p + i == end) return {0, i, Utf8Status::kUnfinished};
    const auto byte = static_cast<uint8_t>(p[i]);
    if (byte < low || byte > high) return {0, i, Utf8Status::kInvalid};
    code_point = code_point << 6 | (byte & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return {code_point, size, Utf8Status::kValid};
}

// Appends the character's UTF-8; a surrogate (which has none) as the three bytes that the rule would give it.
void append_utf8(uint32_t code_point, std::string& out);

// Appends `bytes` to `out` with U+FFFD in place of each invalid part, and returns how many bytes were taken:
// all but an unfinished character at the end.
size_t append_repaired_utf8(std::string_view bytes, std::string& out);

bool is_valid_utf8(std::string_view bytes);

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

}  // namespace hadal
