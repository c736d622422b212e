#include "text/grammar/schema_compiler.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/grammar/schema_number.h"
#include "text/grammar/schema_string.h"

namespace hadal::grammar {
namespace {

constexpr int kMaxSchemaDepth = 200;

}  // namespace

SchemaCompiler::SchemaCompiler(SchemaSource& source, const JsonExprs& json)
    : source_(source), json_(json), e_(json.exprs()), check_(source, json.exprs()) {}

ExprId SchemaCompiler::compile(const SchemaParts& parts, size_t expanded) {
  std::optional<SchemaParts> all = source_.expand(parts, expanded);
  if (!all) return Exprs::kNothing;
  // What says nothing would only tell equal sets apart.
  std::erase_if(*all, [](const SchemaPart& part) { return part.schema->object()->members().empty(); });
  if (all->empty()) return json_.value();
  SchemaParts key = *all;
  std::sort(key.begin(), key.end());
  source_.work().spend(16 + key.size() * 4);
  const auto known = rules_.find(key);
  if (known != rules_.end()) return e_.rule(known->second);
  if (++depth_ > kMaxSchemaDepth) source_.refuse(*all->front().schema, "schema", "it is nested too deeply");
  const RuleId rule = e_.add_rule("the schema at " + source_.place(*all->front().schema));
  rules_.emplace(std::move(key), rule);
  e_.set_rule(rule, alternatives(std::move(*all)));
  --depth_;
  return e_.rule(rule);
}

ExprId SchemaCompiler::alternatives(SchemaParts parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].any_of_taken && parts[i].schema->find("anyOf") != nullptr)
      return choice_of(parts, i, false);
    if (!parts[i].one_of_taken && parts[i].schema->find("oneOf") != nullptr) return choice_of(parts, i, true);
  }
  return conditions(parts);
}

ExprId SchemaCompiler::choice_of(const SchemaParts& parts, size_t part, bool one_of) {
  const Json& schema = *parts[part].schema;
  const JsonArray& list = *source_.array(schema, one_of ? "oneOf" : "anyOf");
  if (one_of) require_apart(schema, list);
  std::vector<ExprId> choices;
  for (const Json& alternative : list) {
    SchemaParts with = parts;
    (one_of ? with[part].one_of_taken : with[part].any_of_taken) = true;
    with.push_back({&alternative});
    choices.push_back(compile(with, parts.size()));
  }
  return e_.choice(choices);
}

void SchemaCompiler::require_apart(const Json& schema, const JsonArray& alternatives) {
  for (size_t i = 0; i < alternatives.size(); ++i) {
    for (size_t j = i + 1; j < alternatives.size(); ++j) {
      if (check_.apart(alternatives[i], alternatives[j])) continue;
      source_.refuse(
          schema, "oneOf",
          fmt::format("alternatives {} and {} may both match; tell them apart by a required member "
                      "with a const, or write anyOf",
                      i, j));
    }
  }
}

ExprId SchemaCompiler::conditions(const SchemaParts& parts) {
  uint8_t types = JsonTypes::kAll;
  const JsonArray* values = nullptr;
  for (const SchemaPart& part : parts) {
    types &= check_.types(*part.schema);
    if (const JsonArray* const list = source_.array(*part.schema, "enum")) values = list;
    if (const Json* const only = part.schema->find("const")) return listed(parts, {*only});
  }
  if (values != nullptr) return listed(parts, *values);
  std::vector<ExprId> choices;
  if ((types & JsonTypes::kNull) != 0) choices.push_back(e_.bytes("null"));
  if ((types & JsonTypes::kBoolean) != 0) choices.push_back(json_.boolean());
  if ((types & JsonTypes::kString) != 0) choices.push_back(string(parts));
  if ((types & JsonTypes::kNumber) != 0)
    choices.push_back(number(parts, (types & JsonTypes::kFraction) == 0));
  if ((types & JsonTypes::kArray) != 0) choices.push_back(array(parts));
  if ((types & JsonTypes::kObject) != 0) choices.push_back(object(parts));
  return e_.choice(choices);
}

ExprId SchemaCompiler::listed(const SchemaParts& parts, const JsonArray& values) {
  std::vector<ExprId> choices;
  for (const Json& value : values) {
    const bool holds = std::all_of(parts.begin(), parts.end(),
                                   [&](const SchemaPart& part) { return check_.valid(value, *part.schema); });
    if (holds) choices.push_back(literal(value));
  }
  return e_.choice(choices);
}

ExprId SchemaCompiler::literal(const Json& value) const {
  std::vector<ExprId> parts;
  if (value.object() != nullptr) {
    for (const JsonMember& member : value.object()->members()) {
      if (!parts.empty()) parts.push_back(json_.comma());
      parts.push_back(json_.member(e_.bytes(json_quoted(member.key)), literal(member.value)));
    }
    return json_.object(e_.sequence(parts));
  }
  if (value.array() != nullptr) {
    for (const Json& item : *value.array()) {
      if (!parts.empty()) parts.push_back(json_.comma());
      parts.push_back(json_.item(literal(item)));
    }
    return json_.array(e_.sequence(parts));
  }
  if (value.real() != nullptr && !decimal_of(value))
    fail(ErrorCode::kUsage, "JSON schema: a listed number is not finite");
  const std::string text = dump_json(value);
  if (!is_valid_utf8(text)) fail(ErrorCode::kUsage, "JSON schema: a listed string has half a surrogate pair");
  return e_.bytes(text);
}

ExprId SchemaCompiler::number(const SchemaParts& parts, bool integer) {
  NumberRange range;
  for_each(parts, [&](const Json& schema) { range.narrow(source_, schema); });
  return number_expr(range, integer, json_);
}

ExprId SchemaCompiler::string(const SchemaParts& parts) {
  StringSet set(e_);
  for_each(parts, [&](const Json& schema) { set.narrow(source_, schema); });
  return set.expr(json_);
}

ExprId SchemaCompiler::array(const SchemaParts& parts) {
  Counts counts;
  size_t first_items = 0;
  bool unique = false;
  const auto first_of = [&](const Json& schema) {
    const Json* const items = schema.find("items");
    return items != nullptr && items->array() != nullptr ? items->array()
                                                         : source_.array(schema, "prefixItems");
  };
  for_each(parts, [&](const Json& schema) {
    counts.min = std::max(counts.min, source_.count(schema, "minItems").value_or(0));
    counts.max = std::min(counts.max, source_.count(schema, "maxItems").value_or(Expr::kUnbounded));
    if (first_of(schema) != nullptr) first_items = std::max(first_items, first_of(schema)->size());
    const Json* const said = schema.find("uniqueItems");
    unique |= said != nullptr && !(said->boolean() != nullptr && !*said->boolean());
  });
  if (unique && counts.max > 1) {
    for (const SchemaPart& part : parts) {
      if (part.schema->find("uniqueItems") != nullptr) {
        source_.refuse(*part.schema, "uniqueItems", "this keyword is not supported");
      }
    }
  }
  const auto item_at = [&](size_t i) {
    SchemaParts item;
    for_each(parts, [&](const Json& schema) {
      const JsonArray* const first = first_of(schema);
      const Json* const items = schema.find("items");
      const bool old_form = items != nullptr && items->array() != nullptr;
      const Json* const rest = old_form ? schema.find("additionalItems") : items;
      const Json* const said = first != nullptr && i < first->size() ? &(*first)[i] : rest;
      if (said != nullptr) item.push_back({said});
    });
    return json_.item(compile(item));
  };
  first_items = std::min<size_t>(first_items, counts.max);
  const auto place_of_rest = static_cast<uint32_t>(first_items);
  ExprId rest =
      counts.max == place_of_rest ? Exprs::kEmpty : array_rest(item_at(first_items), place_of_rest, counts);
  if (counts.min > counts.max) rest = Exprs::kNothing;
  for (size_t i = first_items; i-- > 0;) {
    const ExprId item = e_.sequence({i > 0 ? json_.comma() : Exprs::kEmpty, item_at(i), rest});
    rest = i >= counts.min ? e_.optional(item) : item;
  }
  return json_.array(rest);
}

// Further items when there have been `before`.
ExprId SchemaCompiler::array_rest(ExprId item, uint32_t before, Counts counts) {
  const uint32_t min = counts.min - std::min(counts.min, before);
  const uint32_t max = counts.max == Expr::kUnbounded ? Expr::kUnbounded : counts.max - before;
  if (max < min) return Exprs::kNothing;
  const ExprId next = e_.sequence({json_.comma(), item});
  if (before > 0) return e_.counted(next, min, max);
  const uint32_t max_next = max == Expr::kUnbounded ? max : max - 1;
  const ExprId some = e_.sequence({item, e_.counted(next, std::max(min, 1u) - 1, max_next)});
  return min == 0 ? e_.optional(some) : some;
}

}  // namespace hadal::grammar
