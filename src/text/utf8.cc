#include "text/utf8.h"

namespace hadal {

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
