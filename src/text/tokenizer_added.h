// AddedTokens: the control tokens of a tokenizer and where a text spells them.
//
// A trie over their UTF-8 bytes. Matching is leftmost, and the longest of those that begin there; looking at
// one place costs at most the length of the longest token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class AddedTokens {
 public:
  struct Token {
    std::string text;  // not empty
    int32_t id;
  };
  struct Match {
    size_t begin;
    size_t size;
    int32_t id;
  };

  AddedTokens() = default;
  // Texts and ids are unique.
  explicit AddedTokens(std::vector<Token> tokens);

  std::optional<int32_t> find(std::string_view text) const;
  bool contains(int32_t id) const;
  // The first match at or after `from`.
  std::optional<Match> next(std::string_view text, size_t from) const;

 private:
  // A node's children lie side by side, in the order of their bytes.
  struct Node {
    int32_t id = -1;  // the token that ends here
    uint32_t first_child = 0;
    uint16_t children = 0;
    uint8_t byte = 0;
  };

  void build(uint32_t node, size_t first, size_t last, size_t depth);
  // The node below `node`, or 0 (the root is below nothing).
  uint32_t child(uint32_t node, char byte) const;

  std::vector<Token> tokens_;  // by text
  std::vector<int32_t> ids_;   // ascending
  std::vector<Node> nodes_;    // [0] is the root
  bool begins_[256] = {};      // a token begins with this byte
};

}  // namespace hadal
