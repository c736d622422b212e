// SchemaCompiler: schemas that must hold together -> a rule.
//
// A set of schemas is compiled once: first $ref and allOf bring in more of them, then choices are drawn out
// (each alternative together with all the rest), then what remains is conditions on the types. Members and
// items collect what every schema of the set says of them, so allOf needs no merging of texts.
#pragma once

#include <map>

#include "text/grammar/dfa.h"
#include "text/grammar/json_library.h"
#include "text/grammar/schema_check.h"
#include "text/grammar/schema_source.h"

namespace hadal::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(SchemaSource& source, const JsonExprs& json);

  // The texts of the values that are valid against all of them; `expanded` as SchemaSource::expand() has it.
  ExprId compile(const SchemaParts& parts, size_t expanded = 0);

 private:
  struct Member {
    ExprId key, value;
    bool required;
  };
  struct Counts {
    uint32_t min = 0, max = Expr::kUnbounded;
  };

  ExprId alternatives(SchemaParts parts);
  ExprId choice_of(const SchemaParts& parts, size_t part, bool one_of);
  void require_apart(const Json& schema, const JsonArray& alternatives);
  ExprId conditions(const SchemaParts& parts);
  ExprId listed(const SchemaParts& parts, const JsonArray& values);
  ExprId literal(const Json& value) const;

  ExprId number(const SchemaParts& parts, bool integer);
  ExprId string(const SchemaParts& parts);
  ExprId array(const SchemaParts& parts);
  ExprId array_rest(ExprId item, uint32_t before, Counts counts);
  ExprId object(const SchemaParts& parts);
  ExprId members(const std::vector<Member>& declared, ExprId additional, Counts counts);
  ExprId members_rest(ExprId additional, uint32_t before, Counts counts);

  // What the set says of a member of this name, and of those that match one pattern or (empty) none.
  SchemaParts member_parts(const SchemaParts& parts, const std::string& name);
  const Json* member_of(const JsonObject& object, const std::string& name);
  SchemaParts additional_parts(const SchemaParts& parts, const std::string& pattern);
  std::vector<std::string> declared_names(const SchemaParts& parts);
  ExprId additional_members(const SchemaParts& parts, const std::vector<std::string>& declared);
  const Dfa& pattern_set(const Json& schema, const std::string& pattern);

  template <typename Narrow>
  void for_each(const SchemaParts& parts, Narrow narrow) {
    for (const SchemaPart& part : parts) narrow(*part.schema);
  }

  SchemaSource& source_;
  const JsonExprs& json_;
  Exprs& e_;
  SchemaCheck check_;
  std::map<SchemaParts, RuleId> rules_;
  std::map<std::string, Dfa> patterns_;
  std::unordered_map<const JsonObject*, std::unordered_map<std::string_view, const Json*>> members_by_name_;
  int depth_ = 0;
};

}  // namespace hadal::grammar
