// The objects of a JSON Schema.
#include <algorithm>
#include <unordered_set>

#include "base/utf8.h"
#include "text/grammar/regex.h"
#include "text/grammar/schema_compiler.h"
#include "text/grammar/schema_string.h"

namespace hadal::grammar {

ExprId SchemaCompiler::object(const SchemaParts& parts) {
  Counts counts;
  std::vector<std::string> required;
  std::unordered_set<std::string_view> is_required;
  const Json* too_many_keys = nullptr;
  for_each(parts, [&](const Json& schema) {
    counts.min = std::max(counts.min, source_.count(schema, "minProperties").value_or(0));
    counts.max = std::min(counts.max, source_.count(schema, "maxProperties").value_or(Expr::kUnbounded));
    if (schema.find("minProperties") != nullptr) too_many_keys = &schema;
    const JsonArray* const names = source_.array(schema, "required");
    if (names == nullptr) return;
    for (const Json& name : *names) {
      if (name.string() == nullptr) source_.refuse(schema, "required", "it must list names");
      if (is_required.insert(*name.string()).second) required.push_back(*name.string());
    }
  });
  std::vector<std::string> names = declared_names(parts);
  const std::unordered_set<std::string> declared_already(names.begin(), names.end());
  for (const std::string& name : required) {
    if (!declared_already.contains(name)) names.push_back(name);
  }
  source_.work().spend(names.size() * (1 + required.size()) / 8);
  std::vector<Member> declared;
  for (const std::string& name : names) {
    if (!is_valid_utf8(name))
      source_.refuse(*parts.front().schema, "properties", "a name has half a surrogate pair");
    const ExprId value = compile(member_parts(parts, name));
    declared.push_back({e_.bytes(json_quoted(name)), value, is_required.contains(name)});
  }
  const ExprId additional = additional_members(parts, names);
  // A key may come twice, and then counts once: only declared members are sure to be distinct.
  if (counts.min > std::max<size_t>(required.size(), 1) && additional != Exprs::kNothing) {
    source_.refuse(*too_many_keys, "minProperties",
                   "more than 1 is supported only for declared or required members");
  }
  if (counts.min <= required.size()) counts.min = 0;
  if (counts.max >= names.size() && additional == Exprs::kNothing) counts.max = Expr::kUnbounded;
  if (counts.max != Expr::kUnbounded && counts.max > 1000) {
    source_.refuse(*parts.front().schema, "maxProperties", "more than 1000 cannot be counted");
  }
  return json_.object(members(declared, additional, counts));
}

// From the end: what may come when `count` members have come before this one.
ExprId SchemaCompiler::members(const std::vector<Member>& declared, ExprId additional, Counts counts) {
  const uint32_t most = counts.max == Expr::kUnbounded ? std::max(counts.min, 1u) : counts.max;
  std::vector<ExprId> rest(most + 1);
  for (uint32_t count = 0; count <= most; ++count) rest[count] = members_rest(additional, count, counts);
  for (size_t i = declared.size(); i-- > 0;) {
    std::vector<ExprId> here(most + 1);
    const ExprId member = json_.member(declared[i].key, declared[i].value);
    for (uint32_t count = 0; count <= most; ++count) {
      const ExprId comma = count > 0 ? json_.comma() : Exprs::kEmpty;
      const bool full = counts.max != Expr::kUnbounded && count >= counts.max;
      const ExprId with =
          full ? Exprs::kNothing : e_.sequence({comma, member, rest[std::min(count + 1, most)]});
      here[count] = declared[i].required ? with : e_.choice({with, rest[count]});
    }
    rest = std::move(here);
  }
  return rest[0];
}

ExprId SchemaCompiler::members_rest(ExprId additional, uint32_t before, Counts counts) {
  const uint32_t min = counts.min - std::min(counts.min, before);
  const uint32_t max = counts.max == Expr::kUnbounded ? Expr::kUnbounded : counts.max - before;
  if (additional == Exprs::kNothing || max == 0) return min == 0 ? Exprs::kEmpty : Exprs::kNothing;
  return array_rest(additional, before, counts);
}

std::vector<std::string> SchemaCompiler::declared_names(const SchemaParts& parts) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for_each(parts, [&](const Json& schema) {
    const JsonObject* const properties = source_.object(schema, "properties");
    if (properties == nullptr) return;
    for (const JsonMember& member : properties->members()) {
      source_.work().spend(8);
      if (seen.insert(member.key).second) names.push_back(member.key);
    }
  });
  // Names that propertyNames forbids can be no members.
  for_each(parts, [&](const Json& schema) {
    const Json* const rule = schema.find("propertyNames");
    if (rule == nullptr) return;
    std::erase_if(names, [&](const std::string& name) { return !check_.valid(Json(name), *rule); });
  });
  return names;
}

SchemaParts SchemaCompiler::member_parts(const SchemaParts& parts, const std::string& name) {
  SchemaParts member;
  for_each(parts, [&](const Json& schema) {
    bool declared = false;
    const JsonObject* const properties = source_.object(schema, "properties");
    if (const Json* const own = properties == nullptr ? nullptr : member_of(*properties, name)) {
      member.push_back({own});
      declared = true;
    }
    if (const JsonObject* const patterns = source_.object(schema, "patternProperties")) {
      for (const JsonMember& pattern : patterns->members()) {
        if (!pattern_set(schema, pattern.key).matches(name)) continue;
        member.push_back({&pattern.value});
        declared = true;
      }
    }
    const Json* const others = schema.find("additionalProperties");
    if (!declared && others != nullptr) member.push_back({others});
    const Json* const names = schema.find("propertyNames");
    if (names != nullptr && !check_.valid(Json(name), *names)) {
      source_.refuse(schema, "propertyNames", "it forbids the required name " + name);
    }
  });
  return member;
}

// JsonObject::find() walks; here each of many members is asked for.
const Json* SchemaCompiler::member_of(const JsonObject& object, const std::string& name) {
  const auto [at, is_new] = members_by_name_.try_emplace(&object);
  if (is_new)
    for (const JsonMember& member : object.members()) at->second.emplace(member.key, &member.value);
  const auto found = at->second.find(name);
  return found == at->second.end() ? nullptr : found->second;
}

SchemaParts SchemaCompiler::additional_parts(const SchemaParts& parts, const std::string& pattern) {
  SchemaParts member;
  for_each(parts, [&](const Json& schema) {
    const JsonObject* const patterns = source_.object(schema, "patternProperties");
    const Json* said = pattern.empty() || patterns == nullptr ? nullptr : patterns->find(pattern);
    if (said == nullptr) said = schema.find("additionalProperties");
    if (said != nullptr) member.push_back({said});
  });
  return member;
}

const Dfa& SchemaCompiler::pattern_set(const Json& schema, const std::string& pattern) {
  const auto known = patterns_.find(pattern);
  if (known != patterns_.end()) return known->second;
  try {
    return patterns_.emplace(pattern, make_dfa(e_, regex_search_expr(pattern, e_))).first->second;
  } catch (const Error& error) {
    source_.refuse(schema, "patternProperties", error.what());
  }
}

// One member whose key is not declared: of the keys that match one pattern, or none.
ExprId SchemaCompiler::additional_members(const SchemaParts& parts,
                                          const std::vector<std::string>& declared) {
  std::vector<std::string> patterns{""};
  StringSet keys(e_);
  bool free_keys = declared.empty();
  for_each(parts, [&](const Json& schema) {
    const JsonObject* const own = source_.object(schema, "patternProperties");
    for (const JsonMember& pattern : own == nullptr ? std::vector<JsonMember>() : own->members()) {
      if (pattern.key.empty())
        source_.refuse(schema, "patternProperties", "the empty pattern is not supported");
      if (std::find(patterns.begin(), patterns.end(), pattern.key) == patterns.end())
        patterns.push_back(pattern.key);
      pattern_set(schema, pattern.key);
    }
    const Json* const names = schema.find("propertyNames");
    if (names == nullptr || names->boolean() != nullptr) {
      if (names != nullptr && !*names->boolean()) keys.narrow(Dfa());
      return;
    }
    const auto named = source_.expand(*names);
    for (const SchemaPart& part : named ? *named : SchemaParts()) {
      for (const char* const keyword : {"anyOf", "oneOf", "const", "enum"}) {
        if (part.schema->find(keyword) != nullptr) {
          source_.refuse(*part.schema, keyword, "it is not supported within propertyNames");
        }
      }
      keys.narrow(source_, *part.schema);
      free_keys = false;
    }
    if (!named) keys.narrow(Dfa());
  });
  std::vector<ExprId> choices;
  for (const std::string& pattern : patterns) {
    const ExprId value = compile(additional_parts(parts, pattern));
    if (value == Exprs::kNothing) continue;
    if (free_keys && patterns.size() == 1 && keys.is_everything()) {
      choices.push_back(json_.member(e_.rule(JsonRules::kString), value));
      continue;
    }
    std::vector<ExprId> names;
    names.reserve(declared.size());
    for (const std::string& name : declared) names.push_back(e_.bytes(name));
    Dfa set = difference(keys.dfa(), make_dfa(e_, e_.choice(names)), e_.work());
    for (const std::string& other : patterns) {
      if (other.empty()) continue;
      const Dfa& of_other = patterns_.at(other);
      set = other == pattern ? intersection(set, of_other, e_.work()) : difference(set, of_other, e_.work());
    }
    const ExprId text = e_.automaton(std::make_shared<const Dfa>(std::move(set)), true);
    if (text == Exprs::kNothing) continue;
    const ExprId key = e_.sequence({e_.bytes("\""), text, e_.bytes("\"")});
    choices.push_back(json_.member(key, value));
  }
  return e_.choice(choices);
}

}  // namespace hadal::grammar
