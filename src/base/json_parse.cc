// The reader: json.loads of Python 3.11, whose grammar is RFC 8259's with NaN, Infinity and -Infinity added.
#include <algorithm>
#include <charconv>
#include <limits>

#include "base/json.h"
#include "base/utf8.h"

namespace hadal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number nearest to a literal of the JSON grammar; too large is infinite, too small is zero.
double to_double(std::string_view text) {
  double value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc()) return value;
  // Out of range; on which side the place of the first digit that counts says, moved by the exponent.
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const size_t point = std::min(text.find('.'), e);
  const auto first = static_cast<int64_t>(std::min(text.find_first_of("123456789"), e));
  const int64_t place = first < static_cast<int64_t>(point) ? static_cast<int64_t>(point) - first - 1
                                                            : static_cast<int64_t>(point) - first;
  int64_t exponent = 0;
  if (e < text.size()) {
    const size_t digits = e + (text[e + 1] == '+' ? 2 : 1);
    if (std::from_chars(text.data() + digits, text.data() + text.size(), exponent).ec != std::errc())
      exponent = text[e + 1] == '-' ? std::numeric_limits<int64_t>::min() / 2
                                    : std::numeric_limits<int64_t>::max() / 2;
  }
  const double size = place + exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return negative ? -size : size;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool document(Json& out) {
    if (text_.starts_with("\xEF\xBB\xBF")) return problem("a byte order mark");
    skip_space();
    if (!value(out)) return false;
    skip_space();
    return at_ == text_.size() || problem("more after the value");
  }
  const JsonProblem& problem() const { return problem_; }

 private:
  bool problem(const char* what) {
    problem_ = {what, at_};
    return false;
  }
  // NUL at the end, which no part of the grammar accepts.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool value(Json& out) {
    switch (peek()) {
      case '"': {
        std::string content;
        if (!string(content)) return false;
        out = Json(std::move(content));
        return true;
      }
      case '{':
      case '[': {
        if (++depth_ > kJsonMaxDepth) return problem("too many levels of arrays and objects");
        const bool ok = peek() == '{' ? object(out) : array(out);
        --depth_;
        return ok;
      }
      default:
        return word(out) || number(out);
    }
  }

  bool word(Json& out) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (take_word("null")) return out = Json(), true;
    if (take_word("true")) return out = Json(true), true;
    if (take_word("false")) return out = Json(false), true;
    if (take_word("NaN")) return out = Json(std::numeric_limits<double>::quiet_NaN()), true;
    if (take_word("Infinity")) return out = Json(kInfinity), true;
    if (take_word("-Infinity")) return out = Json(-kInfinity), true;
    return false;
  }

  bool number(Json& out) {
    const size_t begin = at_;
    const bool negative = take('-');
    const size_t digits = at_;
    if (!is_digit(peek())) return problem("no value");
    if (!take('0')) skip_digits();
    const size_t integer_end = at_;
    const bool has_fraction = fraction();
    const bool real = exponent() || has_fraction;
    const std::string_view text = text_.substr(begin, at_ - begin);
    if (real) {
      out = Json(to_double(text));
      return true;
    }
    if (integer_end - digits > kJsonMaxDigits) return problem("an integer with too many digits");
    const bool zero = text_[digits] == '0';
    out = Json(JsonInteger{std::string(negative && zero ? text.substr(1) : text)});
    return true;
  }

  void skip_digits() {
    while (is_digit(peek())) ++at_;
  }
  bool fraction() {
    if (peek() != '.' || at_ + 1 >= text_.size() || !is_digit(text_[at_ + 1])) return false;
    ++at_;
    skip_digits();
    return true;
  }
  bool exponent() {
    const size_t begin = at_;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (is_digit(peek())) return skip_digits(), true;
    }
    at_ = begin;
    return false;
  }

  bool string(std::string& out) {
    ++at_;  // the quote
    for (;;) {
      const size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<uint8_t>(text_[at_]) >= 0x20)
        ++at_;
      out.append(text_, begin, at_ - begin);
      if (at_ == text_.size()) return problem("a string without its end");
      if (take('"')) return true;
      if (!take('\\')) return problem("a control character in a string");
      if (!escape(out)) return false;
    }
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t i = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
    if (i != std::string_view::npos) {
      ++at_;
      out += kMeanings[i];
      return true;
    }
    uint32_t c = 0;
    if (!unit(c)) return problem("an unknown escape in a string");
    if (c >= 0xD800 && c < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      const size_t second = at_++;
      uint32_t low = 0;
      if (!unit(low)) return problem("an unknown escape in a string");
      if (low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
      } else {
        at_ = second;
      }
    }
    append_utf8(c, out);
    return true;
  }

  // uXXXX
  bool unit(uint32_t& out) {
    if (text_.size() - at_ < 5 || text_[at_] != 'u') return false;
    const char* const end = text_.data() + at_ + 5;
    if (std::from_chars(end - 4, end, out, 16).ptr != end) return false;
    at_ += 5;
    return true;
  }

  bool array(Json& out) {
    ++at_;
    JsonArray items;
    skip_space();
    if (!take(']')) {
      do {
        skip_space();
        if (!value(items.emplace_back())) return false;
        skip_space();
      } while (take(','));
      if (!take(']')) return problem("no ',' or ']'");
    }
    out = Json(std::move(items));
    return true;
  }

  bool object(Json& out) {
    ++at_;
    std::vector<JsonMember> members;
    skip_space();
    if (!take('}')) {
      do {
        skip_space();
        if (peek() != '"') return problem("no key in quotes");
        JsonMember& member = members.emplace_back();
        if (!string(member.key)) return false;
        skip_space();
        if (!take(':')) return problem("no ':'");
        skip_space();
        if (!value(member.value)) return false;
        skip_space();
      } while (take(','));
      if (!take('}')) return problem("no ',' or '}'");
    }
    out = Json(JsonObject(std::move(members)));
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  JsonProblem problem_;
};

}  // namespace

std::optional<Json> parse_json(std::string_view text, JsonProblem* problem) {
  Parser parser(text);
  Json value;
  if (parser.document(value)) return value;
  if (problem != nullptr) *problem = parser.problem();
  return std::nullopt;
}

}  // namespace hadal
