// Engram's compressed vocabulary (spec B.1): tokens that are spelt alike, but for case, marks, width and
// white space, share a class, and n-grams of classes name the rows of the tables.
//
// A pure function of the tokenizer. The number of classes is part of a model; whoever hands the result on
// compares it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace hadal {

// The class of each token id, numbered as they first appear.
std::vector<int32_t> compressed_vocabulary(const Tokenizer& tokenizer);

// What decides a token's class: its text folded, or for bytes that are no text the vocabulary's own spelling.
std::string engram_key(std::string_view bytes);

}  // namespace hadal
