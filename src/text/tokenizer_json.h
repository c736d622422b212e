// Reads a tokenizer.json: untrusted bytes -> checked parts of a Tokenizer.
//
// One kind of tokenizer is known, that of the DeepSeek-V3/V4 family: no normaliser, the pre-tokeniser of
// pretokenizer.h, byte-level BPE. Whatever asks for anything else is refused, and so is a file in which
// content could become a control token. Truncation, padding and the post-processor are the caller's business
// here and are not read.
#pragma once

#include <string>
#include <string_view>

#include "text/bpe.h"
#include "text/tokenizer_added.h"

namespace hadal {

struct TokenizerParts {
  Vocabulary vocabulary;
  MergeTable merges;
  AddedTokens added;
};

inline constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;
inline constexpr size_t kMaxTokenBytes = 1024;

// `name` stands for the file in messages. Error(kInvalidModel). A string with spare capacity (as read_file
// gives) is read in place.
TokenizerParts read_tokenizer_json(const std::string& json, std::string_view name);

}  // namespace hadal
