// Regular expressions in the syntax of JavaScript, as far as they are regular and need no look at context:
//   . [a-z] [^a-z] \d \D \w \W \s \S \t \n \v \f \r \0 \cX \xHH \uHHHH \u{H...}
//   (...) (?:...) (?<name>...) | * + ? {n} {n,} {n,m}, these also with ? behind (lazy: the same strings)
//   ^ and $ at the beginning and end of an alternative of the whole.
// Refused, by their offset: look-around, back-references, \b, \p, anchors elsewhere, flags. Characters are
// code points. Nothing here backtracks: an expression becomes an automaton or is too large.
#pragma once

#include <string_view>

#include "text/grammar/expr.h"

namespace hadal::grammar {

// What matches the pattern as a whole; ^ and $ say nothing new.
ExprId regex_expr(std::string_view pattern, Exprs& exprs);
// What has a match of the pattern somewhere, as JSON Schema's "pattern" wants.
ExprId regex_search_expr(std::string_view pattern, Exprs& exprs);

}  // namespace hadal::grammar
