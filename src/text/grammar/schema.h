// JSON Schema as an expression.
#pragma once

#include <string_view>

#include "text/grammar/expr.h"

namespace hadal::grammar {

ExprId schema_expr(std::string_view schema, Exprs& exprs, bool flexible);

}  // namespace hadal::grammar
