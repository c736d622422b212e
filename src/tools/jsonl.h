// Filters over lines of JSON: one line out for each line in, whatever is in it.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace hadal {

// Writes answer(line), or {"error": ...} when that throws an Error. Error(kIo) when `out` cannot be written.
void for_each_json_line(std::istream& in, std::ostream& out,
                        const std::function<std::string(const std::string& line)>& answer);

}  // namespace hadal
