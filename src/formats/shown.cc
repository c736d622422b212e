#include "formats/shown.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace hadal {

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 120;
  const std::string start = in_quotes(text.substr(0, kLongest));
  return text.size() <= kLongest ? start : fmt::format("{}... ({} bytes)", start, text.size());
}

}  // namespace hadal
