// What Python makes of a JSON value where the reference's encoder puts one into a text without asking for its
// kind: truth and str().
#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace hadal {

// False: null, false, 0, 0.0, and empty strings, arrays and objects; also a missing value (null pointer).
bool python_truth(const Json* value);
// str(value): a string is itself, null is None, containers are shown as repr() does (strings in quotes; which
// characters are printable is Unicode 16's word, not that of the Python at hand).
std::string python_str(const Json& value);
// Equal exactly for values that are the same key of a dict (1, 1.0 and true are). Nothing for containers,
// which cannot be keys.
std::optional<std::string> python_dict_key(const Json& value);

}  // namespace hadal
