#include "text/python_source.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"

namespace hadal {
namespace {

using Kind = PythonAssignment::Kind;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}

// Line ends as Python reads them: \n alone.
std::string with_plain_line_ends(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  return text;
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  std::vector<PythonAssignment> read() {
    std::vector<PythonAssignment> found;
    int line = 1;
    size_t counted = 0;
    while (at_ < text_.size()) {
      line += static_cast<int>(std::ranges::count(text_.substr(counted, at_ - counted), '\n'));
      counted = at_;
      if (std::optional<PythonAssignment> assignment = this->assignment()) {
        assignment->line = line;
        found.push_back(std::move(*assignment));
      }
      skip_logical_line();
    }
    return found;
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  int line_of(size_t at) const { return 1 + static_cast<int>(std::ranges::count(text_.substr(0, at), '\n')); }
  [[noreturn]] void ends_inside(const char* what, size_t begin) const {
    fail(ErrorCode::kInvalidModel, "{}:{}: the file ends inside this {}", file_, line_of(begin), what);
  }

  std::string_view name() {
    const size_t begin = at_;
    if (!is_digit(peek()))
      while (is_name_char(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // An assignment that begins here. Stops somewhere in the logical line where a skip to its end is right.
  std::optional<PythonAssignment> assignment() {
    PythonAssignment found;
    found.name = name();
    if (found.name.empty()) return std::nullopt;
    skip_blanks();
    if (take(":") && !skip_annotation()) return std::nullopt;
    if (peek() != '=') {
      // NAME += VALUE makes what was read before untrue.
      const std::string_view rest = text_.substr(at_, std::min<size_t>(4, text_.size() - at_));
      const size_t equals = rest.find_first_not_of("+-*/%&|^@<>");
      if (equals == 0 || equals >= rest.size() || rest[equals] != '=') return std::nullopt;
      return found;
    }
    if (peek(1) == '=') return std::nullopt;
    ++at_;
    value(found);
    return found;
  }

  // To the "=" after an annotation; false when the line has none.
  bool skip_annotation() {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = peek();
      if (depth == 0 && (c == '=' || c == '\n' || c == '#')) return c == '=';
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (c == ')' || c == ']' || c == '}') --depth;
      skip_one();
    }
    return false;
  }

  void value(PythonAssignment& out) {
    const size_t begin = at_;
    skip_blanks();
    bool ok = false;
    if (peek() == '{') {
      bool has_numbers = false;
      ok = dict(out.dict, has_numbers);
      out.kind = has_numbers ? Kind::kNumberDict : Kind::kStringDict;
    } else if (std::optional<std::string> string = string_value(0)) {
      ok = true;
      out.kind = Kind::kString;
      out.string = std::move(*string);
    }
    skip_blanks();
    const char c = peek();
    if (ok && (at_ == text_.size() || c == '\n' || c == '#' || c == ';')) return;
    out.kind = Kind::kOther;
    at_ = begin;
  }

  // Nothing: it is no plain string.
  std::optional<std::string> string_value(int depth) {
    if (peek() == '(') {
      if (depth == kMaxParentheses) return std::nullopt;
      ++at_;
      skip_space();
      std::optional<std::string> inside = string_value(depth + 1);
      if (!inside) return std::nullopt;
      skip_space();
      if (!take(")")) return std::nullopt;
      return inside;
    }
    std::string content;
    bool any = false;
    for (;;) {
      const size_t before = at_;
      if (any && depth > 0) skip_space();
      if (any && depth == 0) skip_blanks();
      const std::optional<size_t> prefix = string_prefix();
      if (!prefix) {
        at_ = before;
        return any ? std::optional(std::move(content)) : std::nullopt;
      }
      if (!string_literal(*prefix, &content)) return std::nullopt;
      any = true;
    }
  }

  // Its values are all strings or all numbers.
  bool dict(std::vector<std::pair<std::string, std::string>>& out, bool& has_numbers) {
    ++at_;
    for (skip_space(); !take("}"); skip_space()) {
      std::optional<std::string> key = string_value(1);
      skip_space();
      if (!key || !take(":")) return false;
      skip_space();
      const bool is_number = is_digit(peek());
      if (!out.empty() && is_number != has_numbers) return false;
      has_numbers = is_number;
      std::optional<std::string> value = is_number ? digits() : string_value(1);
      if (!value) return false;
      const auto known = std::ranges::find(out, *key, &std::pair<std::string, std::string>::first);
      if (known == out.end()) {
        out.emplace_back(std::move(*key), std::move(*value));
      } else {
        known->second = std::move(*value);
      }
      skip_space();
      if (!take(",") && peek() != '}') return false;
    }
    return true;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  std::string digits() {
    const size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  // How many letters stand before a quote here; nothing when no string begins here.
  std::optional<size_t> string_prefix() const {
    for (size_t i = 0; i <= 2; ++i) {
      const char c = peek(i);
      if (c == '"' || c == '\'') return i;
      if (std::string_view("rRbBuUfFtT").find(c) == std::string_view::npos || c == '\0') return std::nullopt;
    }
    return std::nullopt;
  }

  // Steps over the literal and appends what it says to `out` (if given). False: it says nothing plain.
  bool string_literal(size_t prefix, std::string* out) {
    const size_t begin = at_;
    bool raw = false;
    bool plain = true;
    for (size_t i = 0; i < prefix; ++i) {
      raw |= peek() == 'r' || peek() == 'R';
      plain &= std::string_view("rRuU").find(peek()) != std::string_view::npos;
      ++at_;
    }
    const bool triple = text_.substr(at_).starts_with(peek() == '"' ? "\"\"\"" : "'''");
    const std::string_view quote = text_.substr(at_, triple ? 3 : 1);
    at_ += quote.size();
    while (!take(quote)) {
      if (at_ == text_.size() || (!triple && peek() == '\n')) ends_inside("string", begin);
      if (peek() == '\\' && at_ + 1 < text_.size()) {
        plain &= escape(raw, out);
      } else {
        if (out != nullptr) out->append(1, peek());
        ++at_;
      }
    }
    return plain;
  }

  bool escape(bool raw, std::string* out) {
    std::string said;
    bool plain = true;
    const size_t begin = at_++;
    constexpr std::string_view kNames = "\\'\"abfnrtv";
    constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
    const char c = peek();
    if (raw) {
      ++at_;
    } else if (c == '\n') {
      ++at_;
      return true;
    } else if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      ++at_;
      said = kMeanings[i];
    } else if (c >= '0' && c <= '7') {
      plain = code_point(3, 8, said);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      plain = code_point(c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, said);
    } else {
      // Python keeps the backslash of an escape that it does not know.
      ++at_;
      plain = c != 'N';
    }
    if (said.empty()) said = text_.substr(begin, at_ - begin);
    if (out != nullptr) *out += said;
    return plain;
  }

  // The digits of an escape: up to 3 octal ones, or exactly `count` hexadecimal ones.
  bool code_point(size_t count, int base, std::string& out) {
    const std::string_view digits = text_.substr(at_, count);
    uint32_t c = 0;
    const std::from_chars_result result =
        std::from_chars(digits.data(), digits.data() + digits.size(), c, base);
    const auto taken = static_cast<size_t>(result.ptr - digits.data());
    if (base == 16 && taken != count) return false;
    at_ += taken;
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
    append_utf8(c, out);
    return true;
  }

  // Spaces and joined lines.
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\f' || (peek() == '\\' && peek(1) == '\n'))
      at_ += peek() == '\\' ? 2 : 1;
  }
  // Inside brackets: line ends and comments too.
  void skip_space() {
    for (;;) {
      skip_blanks();
      if (peek() == '#') {
        skip_comment();
      } else if (!take("\n")) {
        return;
      }
    }
  }
  void skip_comment() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  // One string, comment, word, joined line or character.
  void skip_one() {
    if (const std::optional<size_t> prefix = string_prefix()) {
      string_literal(*prefix, nullptr);
    } else if (is_name_char(peek())) {
      while (is_name_char(peek())) ++at_;
    } else if (peek() == '#') {
      skip_comment();
    } else {
      at_ += peek() == '\\' && peek(1) == '\n' ? 2 : 1;
    }
  }

  // Past the line end that ends the statement: one outside strings and brackets.
  void skip_logical_line() {
    const size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = peek();
      if (c == '(' || c == '[' || c == '{') ++depth;
      if (c == ')' || c == ']' || c == '}') depth = std::max(0, depth - 1);
      skip_one();
      if (c == '\n' && depth == 0) return;
    }
    if (depth > 0) ends_inside("bracket", begin);
  }

  std::string_view text_;
  std::string_view file_;
  size_t at_ = 0;
};

}  // namespace

std::vector<PythonAssignment> read_python_assignments(std::string_view source, std::string_view file) {
  if (source.size() > kMaxPythonSourceBytes)
    fail(ErrorCode::kInvalidModel, "{}: {} bytes, more than the {} that an encoding file may have", file,
         source.size(), kMaxPythonSourceBytes);
  if (source.starts_with("\xEF\xBB\xBF")) source.remove_prefix(3);
  if (!is_valid_utf8(source)) fail(ErrorCode::kInvalidModel, "{}: not UTF-8", file);
  const std::string text = with_plain_line_ends(source);
  return Reader(text, file).read();
}

}  // namespace hadal
