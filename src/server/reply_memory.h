// ReplyMemory: conversations in the tokens that were sampled, found again by the text that they render to.
//
// A model may cut its text into tokens otherwise than the tokenizer does, and the call of a tool comes back
// as JSON and is written anew. So the next request of a conversation would differ from what the engine keeps
// of it, and be read again from there on. Whoever sends a conversation back in the very text that its last
// answer rendered to gets the tokens of that time. A bounded memory: what was asked longest ago goes first.
// For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/text_range.h"

namespace hadal {

class ReplyMemory {
 public:
  explicit ReplyMemory(size_t budget_bytes) : budget_(budget_bytes) {}

  // `ids` are what `text` was, up to and with the token that ends an answer. Nothing of one owner is found
  // by another.
  void remember(const std::string& owner, std::string_view text, std::vector<int32_t> ids);

  struct Found {
    size_t length = 0;  // bytes of the text; 0: nothing is known
    std::vector<int32_t> ids;
  };
  // The longest known beginning of `text` that ends with one of these ranges.
  Found find(const std::string& owner, std::string_view text, const std::vector<TextRange>& ends);

  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string digest;
    std::vector<int32_t> ids;
    size_t bytes() const { return sizeof(Entry) + digest.size() + ids.size() * sizeof(int32_t); }
  };
  using Entries = std::list<std::pair<size_t, Entry>>;  // by length of the text; used last comes first

  static std::string digest_of(const std::string& owner, std::string_view text);
  void forget(Entries::iterator entry);

  size_t budget_;
  size_t bytes_ = 0;
  Entries entries_;
  std::multimap<size_t, Entries::iterator> by_length_;
};

}  // namespace hadal
