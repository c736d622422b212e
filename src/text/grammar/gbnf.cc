#include "text/grammar/gbnf.h"

#include <map>
#include <string>

#include "base/utf8.h"

namespace hadal::grammar {
namespace {

constexpr int kMaxGroups = 200;  // one in the other

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class GbnfParser {
 public:
  GbnfParser(std::string_view text, Exprs& exprs) : text_(text), exprs_(exprs) {
    if (!is_valid_utf8(text)) fail(ErrorCode::kUsage, "the grammar is not valid UTF-8");
  }

  ExprId parse() {
    for (skip(true); at_ < text_.size(); skip(true)) definition();
    for (const auto& [name, rule] : rules_) {
      if (!exprs_.rules()[rule].defined)
        fail(ErrorCode::kUsage, "grammar: the rule {} is used but not defined", name);
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) fail(ErrorCode::kUsage, "grammar: there is no rule root");
    return exprs_.rule(root->second);
  }

 private:
  void definition() {
    const std::string name = rule_name();
    skip(false);
    if (text_.substr(at_, 3) != "::=") refuse("::= must follow the name of a rule");
    at_ += 3;
    skip(true);
    const RuleId rule = rule_of(name);
    if (exprs_.rules()[rule].defined) refuse("the rule " + name + " is defined twice");
    exprs_.set_rule(rule, alternatives(0));
    skip(false);
    if (at_ < text_.size() && peek() != '\n' && peek() != '\r') refuse("a line must end here");
  }

  ExprId alternatives(int depth) {
    if (depth > kMaxGroups) refuse("groups are nested too deeply");
    std::vector<ExprId> choices{sequence(depth)};
    while (next_is_bar(depth > 0)) {
      ++at_;
      skip(true);
      choices.push_back(sequence(depth));
    }
    return exprs_.choice(choices);
  }

  // Goes to a | that may stand in one of the next lines; stays where it is if there is none.
  bool next_is_bar(bool in_group) {
    const size_t before = at_;
    skip(true);
    if (peek() == '|') return true;
    if (!in_group) at_ = before;
    return false;
  }

  ExprId sequence(int depth) {
    std::vector<ExprId> items;
    for (;;) {
      skip(depth > 0);
      const char c = peek();
      ExprId item = Exprs::kEmpty;
      if (c == '"') {
        item = literal();
      } else if (c == '[') {
        item = character_class();
      } else if (c == '.') {
        ++at_;
        item = exprs_.any_character();
      } else if (c == '(') {
        ++at_;
        item = alternatives(depth + 1);
        skip(true);
        if (peek() != ')') refuse("a ( without its )");
        ++at_;
      } else if (is_name(c)) {
        item = exprs_.rule(rule_of(rule_name()));
      } else {
        break;
      }
      items.push_back(repeated(item));
    }
    return exprs_.sequence(items);
  }

  ExprId repeated(ExprId item) {
    for (;;) {
      const char c = peek();
      if (c == '*' || c == '+' || c == '?') {
        ++at_;
        item = exprs_.repeat(item, c == '+' ? 1 : 0, c == '?' ? 1 : Expr::kUnbounded);
      } else if (c == '{') {
        ++at_;
        skip(false);
        const uint32_t min = number();
        uint32_t max = min;
        skip(false);
        if (peek() == ',') {
          ++at_;
          skip(false);
          max = peek() == '}' ? Expr::kUnbounded : number();
          skip(false);
        }
        if (peek() != '}' || max < min) refuse("not a repetition");
        ++at_;
        item = exprs_.counted(item, min, max);
      } else {
        return item;
      }
    }
  }

  ExprId literal() {
    ++at_;
    std::string bytes;
    while (peek() != '"') append_utf8(character(), bytes);
    ++at_;
    return exprs_.bytes(bytes);
  }

  ExprId character_class() {
    ++at_;
    const bool negated = peek() == '^';
    if (negated) ++at_;
    std::vector<CodePoints> ranges;
    while (peek() != ']') {
      const uint32_t low = character();
      uint32_t high = low;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        high = character();
        if (high < low) refuse("not a range of characters");
      }
      ranges.push_back({low, high});
    }
    ++at_;
    return exprs_.characters(negated ? complement(std::move(ranges)) : std::move(ranges));
  }

  uint32_t character() {
    if (at_ >= text_.size()) refuse("it ends too early");
    const Utf8Char c = next_utf8(text_.data() + at_, text_.data() + text_.size());
    at_ += c.size;
    if (c.code_point != '\\') return c.code_point;
    const char escape = peek();
    ++at_;
    switch (escape) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<uint8_t>(escape);
      default:
        refuse("unknown escape");
    }
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = peek();
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<uint32_t>(lower - 'a' + 10);
      } else {
        refuse("not a hexadecimal digit");
      }
      ++at_;
    }
    if (value > kLastCodePoint || (value >= 0xD800 && value < 0xE000)) refuse("not a character");
    return value;
  }

  uint32_t number() {
    uint32_t value = 0;
    if (peek() < '0' || peek() > '9') refuse("not a repetition");
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + static_cast<uint32_t>(peek() - '0');
      if (value > 1'000'000) refuse("a repetition is too long");
    }
    return value;
  }

  std::string rule_name() {
    const size_t begin = at_;
    while (is_name(peek())) ++at_;
    if (at_ == begin) refuse("the name of a rule is expected");
    return std::string(text_.substr(begin, at_ - begin));
  }

  RuleId rule_of(const std::string& name) {
    const auto [found, is_new] = rules_.try_emplace(name, 0);
    if (is_new) found->second = exprs_.add_rule(name);
    return found->second;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // Blanks and comments; with `lines`, also ends of lines.
  void skip(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_ == text_.size() || !lines) return;
      }
      const char c = text_[at_];
      if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
  }

  [[noreturn]] void refuse(std::string_view why) const {
    size_t line = 1;
    for (const char c : text_.substr(0, std::min(at_, text_.size()))) line += c == '\n' ? 1 : 0;
    fail(ErrorCode::kUsage, "grammar, line {}: {}", line, why);
  }

  std::string_view text_;
  size_t at_ = 0;
  Exprs& exprs_;
  std::map<std::string, RuleId> rules_;
};

}  // namespace

ExprId gbnf_expr(std::string_view text, Exprs& exprs) { return GbnfParser(text, exprs).parse(); }

}  // namespace hadal::grammar
