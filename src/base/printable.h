// Texts from files as people may see them: in messages and on a terminal, which must not obey them.
//
// (fmt's {:?} does this too, but the fmt 9 inside Debian's spdlog aborts at a character that is cut off.)
#pragma once

#include <string>
#include <string_view>

namespace hadal {

// Valid printable UTF-8 as it is; control and direction-changing characters, quotes, backslashes and bytes
// that are not UTF-8 as escapes: \n, \", \u{9b}, \xc3.
std::string printable(std::string_view text);
// The same between double quotes.
std::string in_quotes(std::string_view text);

}  // namespace hadal
