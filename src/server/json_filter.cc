#include "server/json_filter.h"

#include <algorithm>
#include <utility>

namespace hadal {
namespace {

constexpr std::string_view kFence = "```";

// How much of the end may be the beginning of a closing fence, blanks before it included.
size_t fence_at_end(std::string_view text) {
  size_t at = text.size();
  while (at > 0 && text[at - 1] == '`' && text.size() - at < kFence.size()) --at;
  while (at > 0 && (text[at - 1] == '\n' || text[at - 1] == ' ')) --at;
  return text.size() - at;
}

}  // namespace

std::string JsonFilter::feed(std::string_view text) {
  held_ += text;
  if (place_ == Place::kBefore) {
    const size_t fence = held_.find(kFence);
    const size_t open = held_.find_first_of("{[");
    if (std::min(fence, open) == std::string::npos) return {};
    place_ = fence < open ? Place::kFenceName : Place::kBare;
    held_.erase(0, fence < open ? fence + kFence.size() : open);
  }
  if (place_ == Place::kFenceName) {
    const size_t open = held_.find_first_of("{[\"0123456789-tfn\n");
    const size_t line = held_.find('\n');
    if (line == std::string::npos && (open == std::string::npos || held_[open] >= 'a')) return {};
    held_.erase(0, line == std::string::npos ? open : line + 1);
    place_ = Place::kFenced;
  }
  if (place_ == Place::kBare) return std::exchange(held_, {});
  if (place_ == Place::kAfter) {
    held_.clear();
    return {};
  }
  const size_t fence = held_.find(kFence);
  if (fence != std::string::npos) {
    place_ = Place::kAfter;
    held_.resize(fence);
    while (held_.ends_with('\n') || held_.ends_with(' ')) held_.pop_back();
    return std::exchange(held_, {});
  }
  std::string shown = held_.substr(0, held_.size() - fence_at_end(held_));
  held_.erase(0, shown.size());
  return shown;
}

std::string JsonFilter::finish() { return std::exchange(held_, {}); }

}  // namespace hadal
