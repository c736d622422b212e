// Vocabulary: the byte strings of all token ids, and the ids of those that ordinary text may become.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class Vocabulary {
 public:
  static constexpr size_t kMaxTokens = size_t{1} << 20;
  static constexpr int32_t kNone = -1;

  // Room for `count` tokens (kMaxTokens at most).
  explicit Vocabulary(size_t count);

  size_t size() const { return ends_.size(); }
  std::string_view bytes(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    const uint32_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }

  // The token of id size(). What is not findable only decodes. False, and nothing added, when a findable
  // token of these bytes is there already.
  [[nodiscard]] bool add(std::string_view bytes, bool findable);

  static uint64_t hash(std::string_view bytes);
  // kNone when no findable token has these bytes.
  int32_t find(std::string_view bytes) const { return find(bytes, hash(bytes)); }
  int32_t find(std::string_view bytes, uint64_t hash_of_bytes) const;

 private:
  // An open-addressing table, half full at most: the upper half of the hash, and the id.
  struct Slot {
    uint32_t tag;
    int32_t id;
  };

  std::string bytes_;
  std::vector<uint32_t> ends_;
  std::vector<Slot> slots_;
};

}  // namespace hadal
