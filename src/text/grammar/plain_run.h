// How long any plain text is accepted from a state: where this is more than nothing, the masks of whole
// slices of the vocabulary are known without a walk.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/grammar/dfa.h"

namespace hadal::grammar {

// Plain text: any characters but control characters (0x7F too), " and \. Returns their number, or -1.
int plain_length(std::string_view text);

// For each state n so that every plain text of up to n characters can be read there; kEndlessRun and more:
// 255.
std::vector<uint8_t> plain_runs(const Dfa& dfa, Work& work);

}  // namespace hadal::grammar
