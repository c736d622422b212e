// BpeTrainer: texts -> the merges of a byte-level BPE vocabulary, by joining the most frequent pair of tokens
// again and again.
//
// Pieces are cut as the tokenizer cuts them (pretokenizer.h). What comes out depends on how often each piece
// was added and on nothing else: not on the order, nor on how the texts were cut into calls. Among equally
// frequent pairs, the one whose tokens were made first wins. Control tokens take no part: callers add the
// content between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer_writer.h"

namespace hadal {

class BpeTrainer {
 public:
  // Longer pieces are not counted, and no token is longer: they are accidents of the data.
  static constexpr size_t kLongestPiece = 512;
  static constexpr size_t kLongestToken = 64;

  // With merges of digits, numbers of up to three digits may become one token; without, each digit is one.
  explicit BpeTrainer(bool merges_digits) : merges_digits_(merges_digits) {}

  // One stretch of content.
  void add(std::string_view content);

  // Merges that make `tokens` new tokens, or fewer when no pair comes twice any more.
  std::vector<ByteMerge> train(size_t tokens) const;

  size_t distinct_pieces() const { return counts_.size(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  bool merges_digits_;
  std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>> counts_;
};

}  // namespace hadal
