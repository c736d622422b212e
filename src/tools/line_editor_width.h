// How wide text is in a terminal: graphemes (what a person takes for one character) and their cells.
//
// The rules are small and sit on the side of today's terminals: combining marks join the character before
// them, a zero-width joiner joins what follows, two regional indicators are one flag, an emoji selector makes
// its character wide. Terminals differ here; a wrong guess misplaces the cursor in one line and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hadal {

struct Grapheme {
  size_t size = 0;  // bytes
  int cells = 0;    // 0, 1 or 2; of control characters 2 (shown as ^X), of a tab 4
};

// The grapheme at the start of `text`, which is not empty. A newline is one of no cells.
Grapheme next_grapheme(std::string_view text);

// Where the grapheme that ends at `position` > 0 begins.
size_t grapheme_before(std::string_view text, size_t position);

// Of text without newlines.
int cells_of(std::string_view text);

// A control character, and a newline.
inline bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; }

}  // namespace hadal
