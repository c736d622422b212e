#include "text/grammar/schema_check.h"

#include <algorithm>
#include <functional>

#include "text/grammar/regex.h"
#include "text/grammar/schema_number.h"
#include "text/grammar/schema_string.h"

namespace hadal::grammar {
namespace {

constexpr int kMaxCheckDepth = 100;

uint8_t type_of(const Json& value) {
  if (value.is_null()) return JsonTypes::kNull;
  if (value.boolean() != nullptr) return JsonTypes::kBoolean;
  if (value.object() != nullptr) return JsonTypes::kObject;
  if (value.array() != nullptr) return JsonTypes::kArray;
  if (value.string() != nullptr) return JsonTypes::kString;
  const std::optional<Decimal> decimal = decimal_of(value);
  return decimal && decimal->is_whole() ? JsonTypes::kInteger : JsonTypes::kFraction;
}

bool is_required(const SchemaSource& source, const Json& schema, const std::string& name) {
  const JsonArray* const required = source.array(schema, "required");
  return required != nullptr && std::any_of(required->begin(), required->end(), [&](const Json& each) {
           return each.string() != nullptr && *each.string() == name;
         });
}

}  // namespace

bool json_equal(const Json& a, const Json& b) {
  const auto is_number = [](const Json& v) { return (type_of(v) & JsonTypes::kNumber) != 0; };
  if (is_number(a) && is_number(b)) {
    const auto in_a = decimal_of(a);
    const auto in_b = decimal_of(b);
    return in_a && in_b && compare(*in_a, *in_b) == 0;
  }
  if (type_of(a) != type_of(b)) return false;
  if (a.boolean() != nullptr) return *a.boolean() == *b.boolean();
  if (a.string() != nullptr) return *a.string() == *b.string();
  if (a.array() != nullptr) return std::ranges::equal(*a.array(), *b.array(), json_equal);
  if (a.object() == nullptr) return true;
  const auto& members = a.object()->members();
  return members.size() == b.object()->members().size() &&
         std::all_of(members.begin(), members.end(), [&](const JsonMember& member) {
           const Json* const other = b.find(member.key);
           return other != nullptr && json_equal(member.value, *other);
         });
}

uint8_t SchemaCheck::types(const Json& schema) const {
  const Json* const type = schema.find("type");
  if (type == nullptr) return JsonTypes::kAll;
  const auto one = [&](const Json& name) -> uint8_t {
    const std::string word = name.string() == nullptr ? "" : *name.string();
    if (word == "null") return JsonTypes::kNull;
    if (word == "boolean") return JsonTypes::kBoolean;
    if (word == "object") return JsonTypes::kObject;
    if (word == "array") return JsonTypes::kArray;
    if (word == "string") return JsonTypes::kString;
    if (word == "integer") return JsonTypes::kInteger;
    if (word == "number") return JsonTypes::kNumber;
    source_.refuse(schema, "type", "it must name types of JSON");
  };
  if (type->array() == nullptr) return one(*type);
  uint8_t types = 0;
  for (const Json& name : *type->array()) types |= one(name);
  return types;
}

uint8_t SchemaCheck::types(const SchemaParts& parts) const {
  uint8_t all = JsonTypes::kAll;
  for (const SchemaPart& part : parts) all &= types(*part.schema);
  return all;
}

bool SchemaCheck::valid(const Json& value, const Json& schema, int depth) {
  if (depth > kMaxCheckDepth) source_.refuse(schema, "enum", "it is nested too deeply");
  const std::optional<SchemaParts> parts = source_.expand(schema);
  if (!parts) return false;
  for (const SchemaPart& part : *parts) {
    const Json& s = *part.schema;
    source_.work().spend(16);
    if ((types(s) & type_of(value)) == 0) return false;
    if (const Json* const only = s.find("const"); only != nullptr && !json_equal(value, *only)) return false;
    const JsonArray* const list = source_.array(s, "enum");
    if (list != nullptr && !is_listed(value, *list)) return false;
    for (const char* const choice : {"anyOf", "oneOf"}) {
      const JsonArray* const among = source_.array(s, choice);
      if (among == nullptr) continue;
      const auto count = std::count_if(among->begin(), among->end(),
                                       [&](const Json& each) { return valid(value, each, depth + 1); });
      if (count == 0 || (count > 1 && std::string_view(choice) == "oneOf")) return false;
    }
    if (value.object() != nullptr && !valid_object(*value.object(), s, depth)) return false;
    if (value.array() != nullptr && !valid_array(*value.array(), s, depth)) return false;
    if (value.string() != nullptr && !valid_string(*value.string(), s)) return false;
    if ((type_of(value) & JsonTypes::kNumber) != 0 && !valid_number(value, s)) return false;
  }
  return true;
}

bool SchemaCheck::is_listed(const Json& value, const JsonArray& list) const {
  // It may be the very value, as when a long list is asked about each of its values.
  if (!std::less<>()(&value, list.data()) && std::less<>()(&value, list.data() + list.size())) return true;
  source_.work().spend(list.size());
  return std::any_of(list.begin(), list.end(), [&](const Json& each) { return json_equal(value, each); });
}

bool SchemaCheck::valid_object(const JsonObject& value, const Json& schema, int depth) {
  const size_t size = value.members().size();
  if (size < source_.count(schema, "minProperties").value_or(0)) return false;
  if (size > source_.count(schema, "maxProperties").value_or(UINT32_MAX)) return false;
  if (const JsonArray* const required = source_.array(schema, "required")) {
    for (const Json& name : *required) {
      if (name.string() != nullptr && value.find(*name.string()) == nullptr) return false;
    }
  }
  for (const JsonMember& member : value.members()) {
    bool declared = false;
    if (const Json* const names = schema.find("propertyNames");
        names != nullptr && !valid(Json(member.key), *names, depth + 1)) {
      return false;
    }
    if (const JsonObject* const properties = source_.object(schema, "properties")) {
      const Json* const own = properties->find(member.key);
      declared = own != nullptr;
      if (declared && !valid(member.value, *own, depth + 1)) return false;
    }
    if (const JsonObject* const patterns = source_.object(schema, "patternProperties")) {
      for (const JsonMember& pattern : patterns->members()) {
        if (!make_dfa(exprs_, regex_search_expr(pattern.key, exprs_)).matches(member.key)) continue;
        declared = true;
        if (!valid(member.value, pattern.value, depth + 1)) return false;
      }
    }
    const Json* const others = schema.find("additionalProperties");
    if (!declared && others != nullptr && !valid(member.value, *others, depth + 1)) return false;
  }
  return true;
}

bool SchemaCheck::valid_array(const JsonArray& value, const Json& schema, int depth) {
  if (value.size() < source_.count(schema, "minItems").value_or(0)) return false;
  if (value.size() > source_.count(schema, "maxItems").value_or(UINT32_MAX)) return false;
  const Json* const items = schema.find("items");
  const bool old_form = items != nullptr && items->array() != nullptr;
  const JsonArray* const first = old_form ? items->array() : source_.array(schema, "prefixItems");
  const Json* const rest = old_form ? schema.find("additionalItems") : items;
  for (size_t i = 0; i < value.size(); ++i) {
    const Json* const item = first != nullptr && i < first->size() ? &(*first)[i] : rest;
    if (item != nullptr && !valid(value[i], *item, depth + 1)) return false;
  }
  return true;
}

bool SchemaCheck::valid_string(const std::string& value, const Json& schema) {
  StringSet set(exprs_);
  set.narrow(source_, schema);
  return set.holds(value);
}

bool SchemaCheck::valid_number(const Json& value, const Json& schema) {
  NumberRange range;
  range.narrow(source_, schema);
  const std::optional<Decimal> decimal = decimal_of(value);
  return decimal && range.holds(*decimal);
}

std::optional<JsonArray> SchemaCheck::listed(const SchemaParts& parts) {
  for (const SchemaPart& part : parts) {
    if (const Json* const only = part.schema->find("const")) return JsonArray{*only};
    if (const JsonArray* const list = source_.array(*part.schema, "enum")) return *list;
  }
  return std::nullopt;
}

bool SchemaCheck::apart(const Json& a, const Json& b) {
  const auto in_a = source_.expand(a);
  const auto in_b = source_.expand(b);
  return !in_a || !in_b || apart(*in_a, *in_b, 0);
}

bool SchemaCheck::apart(const SchemaParts& a, const SchemaParts& b, int depth) {
  source_.work().spend(8);
  const auto none_holds = [&](const JsonArray& values, const SchemaParts& parts) {
    return std::none_of(values.begin(), values.end(), [&](const Json& value) {
      return std::all_of(parts.begin(), parts.end(),
                         [&](const SchemaPart& part) { return valid(value, *part.schema); });
    });
  };
  if (const std::optional<JsonArray> in_a = listed(a)) return none_holds(*in_a, b);
  if (const std::optional<JsonArray> in_b = listed(b)) return none_holds(*in_b, a);
  const auto shared = static_cast<uint8_t>(types(a) & types(b));
  if ((shared & (JsonTypes::kNull | JsonTypes::kBoolean | JsonTypes::kArray)) != 0) return false;
  if ((shared & JsonTypes::kObject) != 0 && !objects_apart(a, b, depth)) return false;
  if ((shared & JsonTypes::kNumber) != 0) {
    NumberRange ranges[2];
    for (const SchemaPart& part : a) ranges[0].narrow(source_, *part.schema);
    for (const SchemaPart& part : b) ranges[1].narrow(source_, *part.schema);
    if (!ranges[0].apart(ranges[1])) return false;
  }
  if ((shared & JsonTypes::kString) != 0) {
    StringSet both(exprs_);
    for (const SchemaPart& part : a) both.narrow(source_, *part.schema);
    for (const SchemaPart& part : b) both.narrow(source_, *part.schema);
    if (both.dfa().accepts_something()) return false;
  }
  return true;
}

bool SchemaCheck::objects_apart(const SchemaParts& a, const SchemaParts& b, int depth) {
  constexpr int kDeepest = 8;
  return depth <= kDeepest && (needs_apart(a, b, depth) || needs_apart(b, a, depth));
}

// A member that `one` needs and that the other forbids, or needs too but cannot be the same.
bool SchemaCheck::needs_apart(const SchemaParts& one, const SchemaParts& other, int depth) {
  for (const SchemaPart& part : one) {
    const JsonArray* const required = source_.array(*part.schema, "required");
    if (required == nullptr) continue;
    const JsonObject* const own = source_.object(*part.schema, "properties");
    for (const Json& name : *required) {
      if (name.string() == nullptr) continue;
      const Json* const mine = own == nullptr ? nullptr : own->find(*name.string());
      if (member_apart(*name.string(), mine, other, depth)) return true;
    }
  }
  return false;
}

bool SchemaCheck::member_apart(const std::string& name, const Json* mine, const SchemaParts& other,
                               int depth) {
  const bool needed = std::any_of(other.begin(), other.end(), [&](const SchemaPart& part) {
    return is_required(source_, *part.schema, name);
  });
  for (const SchemaPart& part : other) {
    const JsonObject* const properties = source_.object(*part.schema, "properties");
    const Json* const theirs = properties == nullptr ? nullptr : properties->find(name);
    if (theirs == nullptr) {
      const Json* const rest = part.schema->find("additionalProperties");
      const bool closed = rest != nullptr && rest->boolean() != nullptr && !*rest->boolean();
      if (closed && part.schema->find("patternProperties") == nullptr) return true;
    } else if (mine != nullptr && needed) {
      const auto in_mine = source_.expand(*mine);
      const auto in_theirs = source_.expand(*theirs);
      if (!in_mine || !in_theirs || apart(*in_mine, *in_theirs, depth + 1)) return true;
    }
  }
  return false;
}

}  // namespace hadal::grammar
