// SchemaCheck: what can be said about values and alternatives without an automaton: whether a value that a
// schema lists is valid against what stands beside it, and whether two alternatives exclude each other.
#pragma once

#include "text/grammar/expr.h"
#include "text/grammar/schema_source.h"

namespace hadal::grammar {

// Types of JSON as a set. kInteger is a part of kNumber.
struct JsonTypes {
  static constexpr uint8_t kNull = 1, kBoolean = 2, kObject = 4, kArray = 8, kString = 16, kInteger = 32,
                           kFraction = 64, kNumber = kInteger | kFraction, kAll = 127;
};

bool json_equal(const Json& a, const Json& b);

class SchemaCheck {
 public:
  SchemaCheck(SchemaSource& source, Exprs& exprs) : source_(source), exprs_(exprs) {}

  // What "type" says, all types without it.
  uint8_t types(const Json& schema) const;
  bool valid(const Json& value, const Json& schema) { return valid(value, schema, 0); }
  // Whether no value can be valid against both. Only what is simply seen counts: no says nothing.
  bool apart(const Json& a, const Json& b);

 private:
  bool valid(const Json& value, const Json& schema, int depth);
  bool is_listed(const Json& value, const JsonArray& list) const;
  bool valid_object(const JsonObject& value, const Json& schema, int depth);
  bool valid_array(const JsonArray& value, const Json& schema, int depth);
  bool valid_string(const std::string& value, const Json& schema);
  bool valid_number(const Json& value, const Json& schema);
  bool apart(const SchemaParts& a, const SchemaParts& b, int depth);
  bool objects_apart(const SchemaParts& a, const SchemaParts& b, int depth);
  bool needs_apart(const SchemaParts& one, const SchemaParts& other, int depth);
  bool member_apart(const std::string& name, const Json* mine, const SchemaParts& other, int depth);
  uint8_t types(const SchemaParts& parts) const;
  // The values that the parts list; nothing if they list none.
  std::optional<JsonArray> listed(const SchemaParts& parts);

  SchemaSource& source_;
  Exprs& exprs_;
};

}  // namespace hadal::grammar
