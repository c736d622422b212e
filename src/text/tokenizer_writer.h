// Writes a tokenizer.json of the family: DeepSeek-V4's pre-tokeniser and control tokens over byte-level BPE
// with the given merges. read_tokenizer_json (tokenizer_json.h) and the Python library tokenizers read it.
//
// Ids: BOS, EOS, padding, the 256 bytes, what the merges give in their order, and the other control tokens
// last.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace hadal {

// The bytes of the two tokens that become one.
using ByteMerge = std::pair<std::string, std::string>;

// Tokens that every such file has: the bytes and the control tokens.
extern const size_t kFixedTokens;

// The merges by rank. Two of them may give the same token; each side is a byte or what an earlier merge gave.
// `marks_system`: V4.1's marker of system text comes after all others.
std::string tokenizer_json(const std::vector<ByteMerge>& merges, bool marks_system = false);

}  // namespace hadal
