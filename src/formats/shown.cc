#include "formats/shown.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace hadal {

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 120;
  const std::string start = printable(text.substr(0, kLongest));
  return text.size() <= kLongest ? fmt::format("\"{}\"", start)
                                 : fmt::format("\"{}\"... ({} bytes)", start, text.size());
}

}  // namespace hadal
