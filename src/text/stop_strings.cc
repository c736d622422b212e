#include "text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace hadal {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase(strings_, "");
}

std::string StopStrings::feed(std::string_view text) {
  if (found_) return {};
  held_ += text;
  // The one that ends first, as if the text came byte by byte.
  size_t begin = 0;
  size_t end = std::string::npos;
  for (const std::string& stop : strings_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos || std::pair(at + stop.size(), at) >= std::pair(end, begin)) continue;
    begin = at;
    end = at + stop.size();
    which_ = stop;
  }
  if (end != std::string::npos) {
    found_ = true;
    held_.resize(begin);
    return std::exchange(held_, {});
  }
  // The longest end of the text that begins a stop string stays.
  size_t kept = 0;
  for (const std::string& stop : strings_) {
    for (size_t size = std::min(held_.size(), stop.size() - 1); size > kept; --size)
      if (held_.ends_with(std::string_view(stop).substr(0, size))) kept = size;
  }
  std::string shown = held_.substr(0, held_.size() - kept);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopStrings::flush() { return std::exchange(held_, {}); }

}  // namespace hadal
