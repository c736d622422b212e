#include "base/printable.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace hadal {
namespace {

// What moves the cursor, starts a command of the terminal or turns the direction of the text around.
bool is_unsafe(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

std::string escaped(uint32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{{{:x}}}", c);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid) {
      for (int i = 0; i < c.size; ++i) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(p[i]));
    } else if (c.code_point == '"' || c.code_point == '\\') {
      out += {'\\', static_cast<char>(c.code_point)};
    } else if (is_unsafe(c.code_point)) {
      out += escaped(c.code_point);
    } else {
      out.append(p, c.size);
    }
    p += c.size;
  }
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }

}  // namespace hadal
