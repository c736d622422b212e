// The tokenizer.json of a random checkpoint: DeepSeek-V4's pre-tokeniser and control tokens over a vocabulary
// that is made up.
//
// Ids: BOS, EOS, padding, the 256 bytes, then merges of frequent English letters into pairs and pairs into
// fours as long as there is room, and the other control tokens last. So every id below vocab_size is a token,
// whatever a random model says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace hadal {

// Nothing where vocab_size has no room for the bytes and the control tokens. `marks_system`: with V4.1's
// marker of system text as the last one.
std::optional<std::string> random_tokenizer_json(int64_t vocab_size, bool marks_system = false);

}  // namespace hadal
