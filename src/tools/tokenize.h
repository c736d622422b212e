// What `hadal tokenize` does: a tokenizer as a filter over lines of JSON, and its work shown to people.
#pragma once

#include <iosfwd>
#include <string>

#include "text/tokenizer.h"

namespace hadal {

// The tokenizer of a model folder, or of a tokenizer.json.
Tokenizer load_tokenizer(const std::string& model);

enum class TokenizeMode {
  kEncode,   // {"text"} -> {"ids"}, control tokens recognised
  kContent,  // {"text"} -> {"ids"}, none of them a control token
  kDecode,   // {"ids"} -> {"hex"}
};

// One line out for each line in, as it comes; a bad line gives {"error"}. Error(kIo) when `out` cannot be
// written.
void tokenize_lines(const Tokenizer& tokenizer, TokenizeMode mode, std::istream& in, std::ostream& out);

// All of `in` as one text: a line for each token with its id and its piece.
void tokenize_text(const Tokenizer& tokenizer, bool content, std::istream& in, std::ostream& out);

}  // namespace hadal
