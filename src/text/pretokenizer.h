// The pre-tokeniser: cuts a text into the pieces that BPE may not merge across (spec deepseek-v4 section 7,
// steps 1-3).
//
// The three split steps of the specification become one scanner. Each works inside the pieces of the one
// before, so for the third step, look-ahead included, the world ends at a number and wherever a Han run
// begins or ends. The scanner needs no memory: where a piece ends depends on the text from its start on. It
// reads each character a bounded number of times.
#pragma once

namespace hadal {

// The end of the piece that begins at p; p < end. Pieces cover the text; bytes outside valid UTF-8 are
// characters of class kOther, one byte each.
const char* piece_end(const char* p, const char* end);

}  // namespace hadal
