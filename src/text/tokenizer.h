// Tokenizer: text <-> token ids, as tokenizer.json of the DeepSeek-V4 family defines it (spec deepseek-v4
// section 7).
//
// There are two ways in: markup (exactly the control tokens, which the file calls added tokens) and content
// (everything else). Content never yields a control token, whatever it spells. Any byte string is accepted: a
// byte that is not part of valid UTF-8 is an unclassified character of its own, so decoding the ids always
// gives back the bytes.
//
// A Tokenizer is immutable to its users: every const call may run on several threads at once. It never looks
// at a chat format and never adds a token on its own (no BOS, no EOS).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/text_range.h"
#include "text/tokenizer_added.h"

namespace hadal {

struct TokenizerParts;

class Tokenizer {
 public:
  // Reads a tokenizer.json. Error(kIo) when it cannot be read, Error(kInvalidModel) when anything in it is
  // wrong or asks for another kind of tokenizer; the message names the field.
  static Tokenizer from_file(const std::string& path);
  // The same for a file's content; `name` stands for the path in messages.
  static Tokenizer from_json(std::string_view json, std::string_view name);

  // Control tokens are recognised wherever they are spelt, leftmost first, the longest of those that begin
  // there.
  std::vector<int32_t> encode(std::string_view text) const;
  // Ordinary text: never yields a control token. `stats` counts the work done, for benchmarks and tests.
  std::vector<int32_t> encode_content(std::string_view text, BpeStats* stats = nullptr) const;
  // Each range spells one control token; each run between two ranges is content. Error(kUsage) for ranges
  // that leave the text, overlap or are out of order, and for a range that spells no control token.
  std::vector<int32_t> encode_segments(std::string_view text,
                                       std::span<const TextRange> special_ranges) const;

  // The bytes that an id stands for (a control token: its own UTF-8 text). Error(kUsage) for an id that has
  // no token.
  std::string_view token_bytes(int32_t id) const;
  // The bytes of all ids, one after the other; not always valid UTF-8. The same errors.
  std::string decode(std::span<const int32_t> ids) const;

  // The id of the control token of this text.
  std::optional<int32_t> find_added(std::string_view name) const { return added_.find(name); }
  bool is_added(int32_t id) const { return added_.contains(id); }
  // Ids are 0 .. vocab_size() - 1. A model may have more rows in its embedding.
  size_t vocab_size() const { return bpe_.vocab_size(); }
  bool has_token(int32_t id) const { return id >= 0 && static_cast<size_t>(id) < vocab_size(); }

 private:
  explicit Tokenizer(TokenizerParts parts);

  Bpe bpe_;
  AddedTokens added_;
};

// Token ids one at a time -> text that is whole UTF-8 characters at every step.
//
// The concatenation of everything that feed() and flush() return is the decoded bytes with U+FFFD in place of
// each maximal part that cannot become a character (the practice that Unicode recommends, and Python's and
// Rust's).
class StreamDecoder {
 public:
  // The tokenizer must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  // What the id completes; the unfinished rest (3 bytes at most) is held back. An id without a token reads as
  // U+FFFD.
  std::string feed(int32_t id);
  // The end: U+FFFD if something unfinished was held back. The decoder is then as new.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  std::string held_;
};

}  // namespace hadal
