// FairShare: whose turn it is. Every key with open requests has a count of the tokens computed for it; the
// one with the least goes first. A key that comes (or comes back) starts at the least of the others, so
// nobody saves up turns while away. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace hadal {

class FairShare {
 public:
  void open(const std::string& key) {
    if (const auto [at, is_new] = keys_.try_emplace(key); is_new) at->second.used = least_used_but(key);
    ++keys_[key].open;
  }
  void close(const std::string& key) {
    const auto at = keys_.find(key);
    if (--at->second.open == 0) keys_.erase(at);
  }
  void charge(const std::string& key, int64_t tokens) { keys_[key].used += tokens; }
  int64_t used(const std::string& key) const { return keys_.at(key).used; }
  // Requests of this key that hold a slot.
  int64_t& running(const std::string& key) { return keys_[key].running; }

 private:
  struct Key {
    int64_t open = 0;
    int64_t running = 0;
    int64_t used = 0;
  };
  int64_t least_used_but(const std::string& key) const {
    int64_t least = -1;
    for (const auto& [name, other] : keys_)
      if (name != key && (least < 0 || other.used < least)) least = other.used;
    return std::max<int64_t>(least, 0);
  }

  std::map<std::string, Key> keys_;
};

}  // namespace hadal
