// Random names, and keys that are compared without telling how much of them was right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// `bytes` random bytes as letters and digits; unguessable.
std::string random_name(size_t bytes);
uint64_t random_seed();

class KeyRing {
 public:
  explicit KeyRing(const std::vector<std::string>& keys);
  bool empty() const { return digests_.empty(); }
  // A name for the key that says nothing about it; empty when it is none of them.
  std::string find(std::string_view key) const;

 private:
  std::vector<std::string> digests_;
};

}  // namespace hadal
