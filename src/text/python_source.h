// Reads the strings that a Python source assigns at its top level. Nothing is executed: what is not a plain
// string or a dict of plain strings or whole numbers is stepped over.
//
// Taken: NAME = VALUE and NAME: ANNOTATION = VALUE at the left margin, where VALUE is made of string literals
// (parenthesised, implicitly concatenated, triple-quoted, with escapes, raw) or is a dict display of them or
// of decimal numbers under such keys. Not taken (Kind::kOther): f-strings, bytes, \N{...}, lone surrogates,
// any other expression. Limits: kMaxPythonSourceBytes, kMaxParentheses levels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

inline constexpr uint64_t kMaxPythonSourceBytes = 1 << 20;
inline constexpr int kMaxParentheses = 32;

struct PythonAssignment {
  enum class Kind { kString, kStringDict, kNumberDict, kOther };
  std::string name;
  int line = 0;
  Kind kind = Kind::kOther;
  std::string string;
  std::vector<std::pair<std::string, std::string>> dict;  // distinct keys, in order; numbers as digits
};

// In order; a name may come again (the last one counts, as in Python). Error(kInvalidModel) with file and
// line for a source that ends inside a string or a bracket, is not UTF-8 or is too large.
std::vector<PythonAssignment> read_python_assignments(std::string_view source, std::string_view file);

}  // namespace hadal
