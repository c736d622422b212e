#include "text/grammar/regex.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/grammar/regex_class.h"

namespace hadal::grammar {
namespace {

constexpr int kMaxGroups = 200;  // one in the other

class RegexParser {
 public:
  RegexParser(std::string_view pattern, Exprs& exprs) : reader_(pattern), exprs_(exprs) {}

  ExprId parse(bool whole) {
    const std::vector<Branch> branches = alternatives(0);
    if (!reader_.at_end()) reader_.refuse("a ) without its (");
    std::vector<ExprId> choices;
    choices.reserve(branches.size());
    const ExprId anything = exprs_.star(exprs_.any_character());
    for (const Branch& branch : branches) {
      choices.push_back(whole ? branch.expr
                              : exprs_.sequence({branch.from_start ? Exprs::kEmpty : anything, branch.expr,
                                                 branch.to_end ? Exprs::kEmpty : anything}));
    }
    return exprs_.choice(choices);
  }

 private:
  struct Branch {
    ExprId expr;
    bool from_start = false, to_end = false;  // it had ^, it had $
  };

  std::vector<Branch> alternatives(int depth) {
    if (depth > kMaxGroups) reader_.refuse("groups are nested too deeply");
    std::vector<Branch> branches;
    do {
      const std::vector<Branch> more = branch(depth);
      branches.insert(branches.end(), more.begin(), more.end());
    } while (reader_.take('|'));
    return branches;
  }

  // One alternative; several if it is nothing but a group of alternatives with anchors.
  std::vector<Branch> branch(int depth) {
    Branch whole{Exprs::kEmpty};
    std::vector<ExprId> items;
    while (!reader_.at_end() && reader_.peek() != '|' && reader_.peek() != ')') {
      if (whole.to_end) reader_.refuse("$ is supported only at the end of the pattern");
      if (reader_.take('^')) {
        if (!items.empty()) reader_.refuse("^ is supported only at the beginning of the pattern");
        whole.from_start = true;
      } else if (reader_.take('$')) {
        whole.to_end = true;
      } else if (reader_.take('(')) {
        std::vector<Branch> inner = group(depth);
        const bool anchored =
            std::any_of(inner.begin(), inner.end(), [](const Branch& b) { return b.from_start || b.to_end; });
        if (anchored) {
          const bool alone = items.empty() && !whole.from_start &&
                             (reader_.at_end() || reader_.peek() == '|' || reader_.peek() == ')');
          if (!alone) reader_.refuse("^ and $ are supported only at the ends of the pattern");
          return inner;
        }
        std::vector<ExprId> choices;
        choices.reserve(inner.size());
        for (const Branch& b : inner) choices.push_back(b.expr);
        items.push_back(quantified(exprs_.choice(choices)));
      } else {
        items.push_back(quantified(exprs_.characters(one_character())));
      }
    }
    whole.expr = exprs_.sequence(items);
    return {whole};
  }

  std::vector<Branch> group(int depth) {
    if (reader_.take('?')) {
      if (reader_.take('<')) {
        if (reader_.peek() == '=' || reader_.peek() == '!') reader_.refuse("look-behind is not supported");
        while (!reader_.take('>')) reader_.next();
      } else if (!reader_.take(':')) {
        reader_.refuse("look-ahead and flags are not supported");
      }
    }
    std::vector<Branch> inner = alternatives(depth + 1);
    if (!reader_.take(')')) reader_.refuse("a ( without its )");
    return inner;
  }

  std::vector<CodePoints> one_character() {
    if (reader_.take('.')) return complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
    if (reader_.take('[')) return bracket_class(reader_);
    if (reader_.peek() == '*' || reader_.peek() == '+' || reader_.peek() == '?') {
      reader_.refuse("nothing to repeat");
    }
    if (reader_.take('\\')) return class_escape(reader_, false);
    const uint32_t c = reader_.next();
    return {{c, c}};
  }

  ExprId quantified(ExprId item) {
    uint32_t min = 1;
    uint32_t max = 1;
    if (reader_.take('*')) {
      min = 0, max = Expr::kUnbounded;
    } else if (reader_.take('+')) {
      max = Expr::kUnbounded;
    } else if (reader_.take('?')) {
      min = 0;
    } else if (!reader_.at_end() && reader_.peek() == '{') {
      reader_.next();
      min = reader_.number();
      max = min;
      if (reader_.take(',')) max = reader_.peek() == '}' ? Expr::kUnbounded : reader_.number();
      if (!reader_.take('}') || max < min) reader_.refuse("not a repetition; write \\{ for the character");
    } else {
      return item;
    }
    reader_.take('?');
    if (!reader_.at_end() && (reader_.peek() == '*' || reader_.peek() == '+'))
      reader_.refuse("nothing to repeat");
    return exprs_.repeat(item, min, max);
  }

  RegexReader reader_;
  Exprs& exprs_;
};

}  // namespace

ExprId regex_expr(std::string_view pattern, Exprs& exprs) { return RegexParser(pattern, exprs).parse(true); }

ExprId regex_search_expr(std::string_view pattern, Exprs& exprs) {
  return RegexParser(pattern, exprs).parse(false);
}

}  // namespace hadal::grammar
