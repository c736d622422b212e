// Vocabulary: the byte strings of all token ids, and the ids of those that ordinary text may become.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// Strings in one buffer.
struct ByteStrings {
  std::string bytes;
  std::vector<uint32_t> ends;

  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t i) const {
    const uint32_t begin = i == 0 ? 0 : ends[i - 1];
    return {bytes.data() + begin, ends[i] - begin};
  }
};

class Vocabulary {
 public:
  static constexpr size_t kMaxTokens = size_t{1} << 20;
  static constexpr int32_t kNone = -1;

  // What finding a byte string needs to know of it.
  struct Key {
    uint64_t word;  // the bytes themselves up to 8, else their hash
    uint64_t hash;
  };
  static Key key(std::string_view bytes);

  // The tokens by id, none of them empty, kMaxTokens at most. Where ordinary[id] is false the id only
  // decodes.
  Vocabulary(ByteStrings tokens, const std::vector<bool>& ordinary);

  size_t size() const { return tokens_.size(); }
  std::string_view bytes(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }
  // An ordinary token that has the same bytes as another; kNone in a sound vocabulary.
  int32_t duplicate() const { return duplicate_; }

  // The ordinary token of these bytes, or kNone.
  int32_t find(std::string_view bytes) const { return find(bytes, key(bytes)); }
  int32_t find(std::string_view bytes, const Key& key_of_bytes) const {
    return slots_[place(bytes, key_of_bytes)].id;
  }
  // Asks for the memory that find() will look at: worth it when many are found one after the other.
  void prefetch(const Key& key) const { __builtin_prefetch(&slots_[key.hash & (slots_.size() - 1)]); }

 private:
  // An open-addressing table, half full at most. A short token is told from its slot alone.
  struct Slot {
    uint64_t word;
    uint32_t size;
    int32_t id;  // kNone: empty
  };

  // Where these bytes are, or the empty slot where they would go.
  size_t place(std::string_view bytes, const Key& key) const;

  ByteStrings tokens_;
  std::vector<Slot> slots_;
  int32_t duplicate_ = kNone;
};

}  // namespace hadal
