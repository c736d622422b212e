#include "base/utf8.h"

namespace hadal {

void append_utf8(uint32_t code_point, std::string& out) {
  const auto byte = [&out](uint32_t value) { out += static_cast<char>(value); };
  if (code_point < 0x80) return byte(code_point);
  if (code_point < 0x800) {
    byte(0xC0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    byte(0xE0 | code_point >> 12);
    byte(0x80 | (code_point >> 6 & 0x3F));
  } else {
    byte(0xF0 | code_point >> 18);
    byte(0x80 | (code_point >> 12 & 0x3F));
    byte(0x80 | (code_point >> 6 & 0x3F));
  }
  byte(0x80 | (code_point & 0x3F));
}

size_t append_repaired_utf8(std::string_view bytes, std::string& out) {
  const char* const end = bytes.data() + bytes.size();
  const char* p = bytes.data();
  while (p != end) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status == Utf8Status::kUnfinished) break;
    if (c.status == Utf8Status::kValid) {
      out.append(p, c.size);
    } else {
      out.append(kReplacementCharacter);
    }
    p += c.size;
  }
  return static_cast<size_t>(p - bytes.data());
}

bool is_valid_utf8(std::string_view bytes) {
  const char* const end = bytes.data() + bytes.size();
  for (const char* p = bytes.data(); p != end;) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid) return false;
    p += c.size;
  }
  return true;
}

}  // namespace hadal
