// A text from a file as messages show it: quoted, escaped, and cut to a readable length.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

std::string shown(std::string_view text);

}  // namespace hadal
