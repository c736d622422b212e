// The characters of a pattern, one at a time, and the sets that its classes and escapes stand for.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/grammar/expr.h"

namespace hadal::grammar {

class RegexReader {
 public:
  // Error(kUsage) when the pattern is not UTF-8.
  explicit RegexReader(std::string_view pattern);

  bool at_end() const { return at_ == pattern_.size(); }
  // The character here, 0 at the end; next() also goes past it and refuses the end.
  uint32_t peek() const;
  uint32_t next();
  // Goes past the character if it is the next one.
  bool take(char c);
  // Decimal digits; hexadecimal ones, exactly `digits` of them.
  uint32_t number();
  uint32_t hex(int digits);
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  std::string_view pattern_;
  size_t at_ = 0;
};

// What the escape stands for whose \ has been read; in brackets \b is a character.
std::vector<CodePoints> class_escape(RegexReader& reader, bool in_brackets);
// What the brackets stand for whose [ has been read.
std::vector<CodePoints> bracket_class(RegexReader& reader);

}  // namespace hadal::grammar
