#include "text/grammar/schema.h"

#include "text/grammar/schema_compiler.h"

namespace hadal::grammar {

ExprId schema_expr(std::string_view schema, Exprs& exprs, bool flexible) {
  SchemaSource source(schema, exprs.work());
  const JsonExprs json(exprs, flexible);
  return SchemaCompiler(source, json).compile({{&source.root()}});
}

}  // namespace hadal::grammar
