// JSON Schema as an expression: every output is valid against the schema.
//
// Supported: type, enum, const, $ref into the same document (also recursive), $defs, allOf, anyOf, oneOf
// where its alternatives provably exclude each other; properties, required, additionalProperties,
// patternProperties, propertyNames, min/maxProperties; prefixItems, items, additionalItems, min/maxItems;
// minLength, maxLength, pattern, format (schema_string.h); minimum, maximum, exclusive*, whole multipleOf.
// Titles, defaults and the like are read over. Everything else is an Error(kUsage) with its place and
// keyword; nothing is ignored.
//
// Not every valid document is an output: members come in the order of `properties`, then other required
// names, then additional ones; strings with conditions and the keys beside `properties` are spelt in the
// shortest way; numbers with bounds have no exponent; an integer is never spelt 1.0; keys that match two
// patterns are left out.
#pragma once

#include <string_view>

#include "text/grammar/expr.h"

namespace hadal::grammar {

// `exprs` begins with the rules of JSON (json_library.h); `flexible` as there.
ExprId schema_expr(std::string_view schema, Exprs& exprs, bool flexible);

}  // namespace hadal::grammar
