#include "formats/shown.h"

#include <fmt/format.h>

namespace hadal {

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 120;
  if (text.size() <= kLongest) return fmt::format("{:?}", text);
  return fmt::format("{:?}... ({} bytes)", text.substr(0, kLongest), text.size());
}

}  // namespace hadal
