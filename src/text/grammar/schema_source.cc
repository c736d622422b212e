#include "text/grammar/schema_source.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace hadal::grammar {
namespace {

constexpr size_t kMaxSchemaBytes = size_t{1} << 20;

constexpr std::string_view kSupported[] = {
    "type",
    "enum",
    "const",
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "prefixItems",
    "items",
    "additionalItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
};
// What says nothing of the value.
constexpr std::string_view kNotes[] = {
    "$schema", "$defs",    "definitions", "$comment", "title",     "description",     "default",
    "example", "examples", "deprecated",  "readOnly", "writeOnly", "contentEncoding", "contentMediaType",
};

template <size_t n>
bool is_in(const std::string_view (&list)[n], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::string unescaped_pointer(std::string_view token, bool& valid) {
  std::string bytes;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '%' && i + 2 < token.size() + 0) {
      const auto digit = [&](char c) {
        const size_t at = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
        valid &= at != std::string_view::npos;
        return static_cast<int>(at & 15);
      };
      bytes += static_cast<char>(digit(token[i + 1]) * 16 + digit(token[i + 2]));
      i += 2;
    } else {
      bytes += token[i];
    }
  }
  std::string plain;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '~' && i + 1 < bytes.size() && (bytes[i + 1] == '0' || bytes[i + 1] == '1')) {
      plain += bytes[++i] == '0' ? '~' : '/';
    } else {
      plain += bytes[i];
    }
  }
  return plain;
}

const Json* child(const Json& value, const std::string& key) {
  if (value.object() != nullptr) return value.find(key);
  const JsonArray* const array = value.array();
  if (array == nullptr || key.empty() || key.size() > 6 ||
      key.find_first_not_of("0123456789") != std::string::npos) {
    return nullptr;
  }
  const size_t index = std::stoul(key);
  return index < array->size() ? &(*array)[index] : nullptr;
}

}  // namespace

SchemaSource::SchemaSource(std::string_view text, Work& work) : work_(&work) {
  if (text.size() > kMaxSchemaBytes)
    fail(ErrorCode::kUsage, "the JSON schema is longer than {} bytes", kMaxSchemaBytes);
  if (!is_valid_utf8(text)) fail(ErrorCode::kUsage, "the JSON schema is not valid UTF-8");
  JsonProblem problem;
  std::optional<Json> parsed = parse_json(text, &problem);
  if (!parsed)
    fail(ErrorCode::kUsage, "the JSON schema is not JSON, at byte {}: {}", problem.offset, problem.what);
  root_ = std::move(*parsed);
  note_places(root_);
}

void SchemaSource::note_places(const Json& value) {
  work_->spend(8);
  const auto note = [&](const Json& below, std::string key) {
    parents_.emplace(&below, Parent{&value, std::move(key)});
    note_places(below);
  };
  if (value.object() != nullptr) {
    for (const JsonMember& member : value.object()->members()) note(member.value, member.key);
  }
  if (value.array() != nullptr) {
    for (const Json& item : *value.array()) note(item, std::to_string(&item - value.array()->data()));
  }
}

std::string SchemaSource::place(const Json& value) const {
  std::string path;
  for (auto at = parents_.find(&value); at != parents_.end(); at = parents_.find(at->second.value)) {
    path.insert(0, "/" + at->second.key);
  }
  return "#" + path;
}

void SchemaSource::refuse(const Json& schema, std::string_view keyword, std::string_view why) const {
  fail(ErrorCode::kUsage, "JSON schema at {}: {}: {}", place(schema), keyword, why);
}

std::optional<SchemaParts> SchemaSource::expand(const SchemaParts& parts, size_t expanded) {
  const auto rest = parts.begin() + static_cast<ptrdiff_t>(expanded);
  SchemaParts all(parts.begin(), rest);
  std::vector<const Json*> path;
  for (auto part = rest; part != parts.end(); ++part) {
    if (!add(*part, all, path)) return std::nullopt;
  }
  return all;
}

// Depth first, so that a schema that needs itself is found. False: nothing is valid.
bool SchemaSource::add(SchemaPart part, SchemaParts& parts, std::vector<const Json*>& path) {
  const Json& schema = *part.schema;
  if (schema.boolean() != nullptr) return *schema.boolean();
  if (schema.object() == nullptr) refuse(schema, "schema", "it must be an object or true or false");
  if (std::find(path.begin(), path.end(), &schema) != path.end()) {
    refuse(schema, "$ref", "the schema refers to itself with nothing between");
  }
  work_->spend(16 + parts.size());
  check_keywords(schema);
  const auto known = std::find_if(parts.begin(), parts.end(),
                                  [&](const SchemaPart& other) { return other.schema == &schema; });
  if (known != parts.end()) {
    // It might hold because of the very choice that brings it in.
    if (part != *known)
      refuse(schema, "anyOf", "the schema refers to itself with nothing but a choice between");
    return true;
  }
  parts.push_back(part);
  path.push_back(&schema);
  bool possible = true;
  if (const std::string* const reference = string(schema, "$ref")) {
    possible &= add({&resolve(schema, *reference)}, parts, path);
  }
  if (const JsonArray* const all_of = array(schema, "allOf")) {
    for (const Json& each : *all_of) possible &= add({&each}, parts, path);
  }
  path.pop_back();
  return possible;
}

void SchemaSource::check_keywords(const Json& schema) {
  if (!checked_.insert(&schema).second) return;
  for (const JsonMember& member : schema.object()->members()) {
    const std::string& key = member.key;
    if (is_in(kSupported, key) || is_in(kNotes, key) || key.starts_with("x-")) continue;
    if (key == "$id" && &schema == &root_) continue;
    refuse(schema, key, "this keyword is not supported");
  }
}

const Json& SchemaSource::resolve(const Json& schema, const std::string& reference) const {
  if (reference.empty() || reference[0] != '#' || (reference.size() > 1 && reference[1] != '/')) {
    refuse(schema, "$ref", "only references into the same document are supported, as #/$defs/name");
  }
  const Json* at = &root_;
  for (size_t begin = 2; begin <= reference.size();) {
    const size_t end = std::min(reference.find('/', begin), reference.size());
    bool valid = true;
    const std::string key = unescaped_pointer(std::string_view(reference).substr(begin, end - begin), valid);
    at = valid ? child(*at, key) : nullptr;
    if (at == nullptr) refuse(schema, "$ref", "there is nothing at " + reference);
    begin = end + 1;
  }
  return *at;
}

std::optional<uint32_t> SchemaSource::count(const Json& schema, std::string_view keyword) const {
  const Json* const value = schema.find(keyword);
  if (value == nullptr) return std::nullopt;
  double number = -1;
  if (value->integer() != nullptr) number = std::stod(value->integer()->text);
  if (value->real() != nullptr) number = *value->real();
  if (!(number >= 0) || number != std::floor(number))
    refuse(schema, keyword, "it must be a whole number, 0 or more");
  return static_cast<uint32_t>(std::min(number, 4e9));
}

const std::string* SchemaSource::string(const Json& schema, std::string_view keyword) const {
  const Json* const value = schema.find(keyword);
  if (value == nullptr) return nullptr;
  if (value->string() == nullptr || !is_valid_utf8(*value->string()))
    refuse(schema, keyword, "it must be a string");
  return value->string();
}

const JsonArray* SchemaSource::array(const Json& schema, std::string_view keyword) const {
  const Json* const value = schema.find(keyword);
  if (value == nullptr) return nullptr;
  if (value->array() == nullptr || (value->array()->empty() && keyword.ends_with("Of"))) {
    refuse(schema, keyword, "it must be an array");
  }
  return value->array();
}

const JsonObject* SchemaSource::object(const Json& schema, std::string_view keyword) const {
  const Json* const value = schema.find(keyword);
  if (value == nullptr) return nullptr;
  if (value->object() == nullptr) refuse(schema, keyword, "it must be an object");
  return value->object();
}

}  // namespace hadal::grammar
