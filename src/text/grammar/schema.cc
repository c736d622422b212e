#include "text/grammar/schema.h"

namespace hadal::grammar {

ExprId schema_expr(std::string_view schema, Exprs& /*exprs*/, bool /*flexible*/) {
  fail(ErrorCode::kUsage, "JSON Schema is not supported yet ({} bytes)", schema.size());
}

}  // namespace hadal::grammar
