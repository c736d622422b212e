#include "server/reply_memory.h"

#include <fmt/format.h>

#include <iterator>

#include "base/sha256.h"

namespace hadal {

std::string ReplyMemory::digest_of(const std::string& owner, std::string_view text) {
  // The length of the owner keeps the two apart.
  return sha256_hex(fmt::format("{}:{}{}", owner.size(), owner, text));
}

void ReplyMemory::forget(Entries::iterator entry) {
  const auto [begin, end] = by_length_.equal_range(entry->first);
  for (auto known = begin; known != end; ++known) {
    if (known->second != entry) continue;
    by_length_.erase(known);
    break;
  }
  bytes_ -= entry->second.bytes();
  entries_.erase(entry);
}

void ReplyMemory::remember(const std::string& owner, std::string_view text, std::vector<int32_t> ids) {
  Entry entry{digest_of(owner, text), std::move(ids)};
  if (entry.bytes() > budget_) return;
  const auto [begin, end] = by_length_.equal_range(text.size());
  for (auto known = begin; known != end; ++known) {
    if (known->second->second.digest != entry.digest) continue;
    forget(known->second);
    break;
  }
  bytes_ += entry.bytes();
  entries_.emplace_front(text.size(), std::move(entry));
  by_length_.emplace(text.size(), entries_.begin());
  while (bytes_ > budget_) forget(std::prev(entries_.end()));
}

ReplyMemory::Found ReplyMemory::find(const std::string& owner, std::string_view text,
                                     const std::vector<TextRange>& ends) {
  for (auto range = ends.rbegin(); range != ends.rend(); ++range) {
    const auto length = static_cast<size_t>(range->end);
    const auto [begin, end] = by_length_.equal_range(length);
    if (begin == end) continue;
    const std::string digest = digest_of(owner, text.substr(0, length));
    for (auto known = begin; known != end; ++known) {
      const Entries::iterator entry = known->second;
      if (entry->second.digest != digest) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return {length, entry->second.ids};
    }
  }
  return {};
}

}  // namespace hadal
