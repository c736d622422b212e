// GBNF, the grammar text that users of llama.cpp know:
//   root ::= "yes" | "no" [!.]* | item{1,3}     # a comment
// Literals and classes with \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH, . for any character, groups, and the
// repetitions * + ? {n} {n,} {n,m}. The whole output matches `root`. A rule may go on in the next line inside
// a group and before or after a |. Refused, by line: left recursion, rules that are missing or defined twice.
#pragma once

#include <string_view>

#include "text/grammar/expr.h"

namespace hadal::grammar {

ExprId gbnf_expr(std::string_view text, Exprs& exprs);

}  // namespace hadal::grammar
