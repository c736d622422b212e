// GrammarVocabulary: the tokens of a model as grammars need them, made once for a tokenizer and shared.
//
// Tokens are held in tries, so that one walk decides about all tokens with a common beginning. Most tokens
// are plain text (plain_run.h), which in most places of a text is allowed or not as a whole: for each bound
// on its length in characters there is a mask of the plain tokens within it and a trie of those beyond.
// Control tokens are reached by Exprs::token() alone. Immutable; stands for `rows` mask bits, also where ids
// have no token.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class Tokenizer;

namespace grammar {
struct JsonLibrary;
}

// A trie in depth-first order: what follows a node and is deeper belongs to it.
struct TokenTrie {
  static constexpr int32_t kNoToken = -1;

  struct Node {
    uint32_t end;    // the first node that is not below this one
    int32_t token;   // that ends here, or kNoToken
    uint16_t depth;  // of the byte in a token, from 1
    uint8_t byte;
  };
  std::vector<Node> nodes;
};

class GrammarVocabulary {
 public:
  // Bounds on the length of plain tokens, in characters; the last has them all.
  static constexpr std::array<uint8_t, 6> kBounds = {1, 2, 4, 8, 16, 255};
  static constexpr size_t kMaxTokenBytes = 254;  // longer ones are never allowed

  struct Token {
    std::string_view bytes;  // empty: the id has no token, or no grammar may use it
    bool control = false;
  };

  // `stop_ids` are allowed where an output may end. Error(kUsage) for a stop id beyond the rows.
  GrammarVocabulary(std::span<const Token> tokens, std::span<const int32_t> stop_ids);
  // All ids of the tokenizer, its added tokens as control tokens. `rows`: those of the model, if it has more.
  static std::shared_ptr<const GrammarVocabulary> from_tokenizer(const Tokenizer& tokenizer,
                                                                 std::span<const int32_t> stop_ids,
                                                                 size_t rows = 0);
  ~GrammarVocabulary();
  GrammarVocabulary(const GrammarVocabulary&) = delete;
  GrammarVocabulary& operator=(const GrammarVocabulary&) = delete;

  size_t rows() const { return spelling_.size(); }
  size_t mask_words() const { return (rows() + 63) / 64; }
  std::span<const int32_t> stop_ids() const { return stop_ids_; }
  // What a grammar reads when the id comes: its bytes, for a control token token_bytes(). Empty: never
  // allowed.
  std::string_view spelling(int32_t id) const;

  // Trie 0 has every token; trie 1 all but plain ones; trie 2 + i the plain ones longer than kBounds[i].
  static constexpr size_t kEvery = 0, kNotPlain = 1, kLonger = 2;
  const TokenTrie& trie(size_t number) const { return tries_[number]; }
  // The plain tokens of up to kBounds[i] characters.
  std::span<const uint64_t> plain_mask(size_t i) const { return plain_masks_[i]; }
  // The tokens that begin with a blank of JSON.
  std::span<const uint64_t> blank_mask() const { return blank_mask_; }
  // Ids beside the one that the tries know, with the same bytes: (id, the known one).
  std::span<const std::pair<int32_t, int32_t>> aliases() const { return aliases_; }

  // Rules of JSON, with masks that all grammars share; `flexible`: blanks between values.
  const grammar::JsonLibrary& json_library(bool flexible) const { return *libraries_[flexible ? 1 : 0]; }

 private:
  void build_tries();

  std::string bytes_;
  struct Part {
    uint32_t begin, size;
  };
  std::vector<Part> spelling_;
  std::vector<int32_t> stop_ids_;
  std::array<TokenTrie, kLonger + kBounds.size() - 1> tries_;
  std::array<std::vector<uint64_t>, kBounds.size()> plain_masks_;
  std::vector<uint64_t> blank_mask_;
  std::vector<std::pair<int32_t, int32_t>> aliases_;
  std::array<std::unique_ptr<const grammar::JsonLibrary>, 2> libraries_;
};

}  // namespace hadal
