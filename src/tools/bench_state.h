// A sequence state filled as if many tokens had been read, in a moment: for timing decode in a long context.
//
// Window rows, entries, index keys and compressor rows get random values of the size that real ones have. A
// decode step then does what it does after a real prompt: it scores as many keys, picks among them and reads
// as many entries from all over the state. What it says has no meaning.
#pragma once

#include <cstdint>

#include "model/state.h"
#include "ops/ops.h"

namespace hadal {

// An empty state of this config, formatted as `ops` writes it -> one of `tokens` tokens.
void fill_state(SequenceState& state, const ModelConfig& config, int64_t tokens, Ops& ops);

}  // namespace hadal
