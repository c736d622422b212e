#include "server/tool_specs.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/printable.h"
#include "server/request_error.h"

namespace hadal {
namespace {

constexpr size_t kMaxToolName = 128;
// Subschemas, and members passed on the way to what a $ref names.
constexpr uint64_t kMaxSchemaWork = 1000000;

constexpr std::array<std::string_view, 7> kTypes = {"null",   "boolean", "object", "array",
                                                    "number", "string",  "integer"};

enum class Want { kSchema, kSchemas, kSchemaMap, kSchemaOrList, kList, kNumber, kText, kNames };

struct Keyword {
  std::string_view name;
  Want want;
};

constexpr Keyword kKeywords[] = {
    {"properties", Want::kSchemaMap},
    {"patternProperties", Want::kSchemaMap},
    {"$defs", Want::kSchemaMap},
    {"definitions", Want::kSchemaMap},
    {"dependentSchemas", Want::kSchemaMap},
    {"additionalProperties", Want::kSchema},
    {"unevaluatedProperties", Want::kSchema},
    {"propertyNames", Want::kSchema},
    {"contains", Want::kSchema},
    {"not", Want::kSchema},
    {"if", Want::kSchema},
    {"then", Want::kSchema},
    {"else", Want::kSchema},
    {"items", Want::kSchemaOrList},
    {"anyOf", Want::kSchemas},
    {"allOf", Want::kSchemas},
    {"oneOf", Want::kSchemas},
    {"prefixItems", Want::kSchemas},
    {"enum", Want::kList},
    {"required", Want::kNames},
    {"minimum", Want::kNumber},
    {"maximum", Want::kNumber},
    {"multipleOf", Want::kNumber},
    {"minLength", Want::kNumber},
    {"maxLength", Want::kNumber},
    {"minItems", Want::kNumber},
    {"maxItems", Want::kNumber},
    {"minProperties", Want::kNumber},
    {"maxProperties", Want::kNumber},
    {"pattern", Want::kText},
    {"format", Want::kText},
    {"title", Want::kText},
    {"description", Want::kText},
    {"$ref", Want::kText},
};

bool is_number(const Json& value) { return value.integer() != nullptr || value.real() != nullptr; }

bool is_type_name(const Json& value) {
  return value.string() != nullptr && std::ranges::find(kTypes, *value.string()) != kTypes.end();
}

// A member of the document that a pointer (RFC 6901) leads to.
const Json* follow_pointer(const Json& root, std::string_view pointer, uint64_t& work) {
  const Json* at = &root;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    std::string key;
    for (size_t i = 0; i < end; ++i) {
      const bool escape =
          pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
      key += escape ? (pointer[++i] == '0' ? '~' : '/') : pointer[i];
    }
    pointer.remove_prefix(end);
    work += at->object() != nullptr ? at->object()->members().size() : 1;
    if (at->array() != nullptr) {
      const bool digits = !key.empty() && key.size() < 7 && key.find_first_not_of("0123456789") == key.npos;
      const size_t index = digits ? std::stoul(key) : at->array()->size();
      at = index < at->array()->size() ? &(*at->array())[index] : nullptr;
    } else {
      at = at->find(key);
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

class SchemaReader {
 public:
  SchemaReader(const Json& root, const std::string& what) : root_(root), what_(what) {}

  void check(const Json& schema) {
    spend(1);
    if (schema.boolean() != nullptr) return;
    if (schema.object() == nullptr)
      refuse(what_, "a schema is an object, true or false, not {}", json_kind(schema));
    if (const Json* const type = schema.find("type")) check_type(*type);
    for (const Keyword& keyword : kKeywords)
      if (const Json* const value = schema.find(keyword.name)) check_keyword(keyword, *value);
  }

 private:
  void spend(uint64_t work) {
    work_ += work;
    if (work_ > kMaxSchemaWork) refuse(what_, "it is too large: simplify the schema");
  }

  void check_type(const Json& type) const {
    const bool good = type.array() != nullptr
                          ? !type.array()->empty() && std::ranges::all_of(*type.array(), is_type_name)
                          : is_type_name(type);
    if (!good) refuse(what_, "\"type\" is none of JSON Schema's: {:.80}", dump_json(type));
  }

  void wrong(const Keyword& keyword, std::string_view wanted) const {
    refuse(what_, "\"{}\" must be {}", keyword.name, wanted);
  }

  void check_keyword(const Keyword& keyword, const Json& value) {
    switch (keyword.want) {
      case Want::kSchema:
        return check(value);
      case Want::kSchemaOrList:
        if (value.array() == nullptr) return check(value);
        for (const Json& one : *value.array()) check(one);
        return;
      case Want::kSchemas:
        if (value.array() == nullptr || value.array()->empty()) wrong(keyword, "a list of schemas");
        for (const Json& one : *value.array()) check(one);
        return;
      case Want::kSchemaMap:
        if (value.object() == nullptr) wrong(keyword, "an object of schemas");
        for (const JsonMember& member : value.object()->members()) check(member.value);
        return;
      case Want::kList:
        if (value.array() == nullptr) wrong(keyword, "a list");
        return;
      case Want::kNames:
        if (value.array() == nullptr ||
            !std::ranges::all_of(*value.array(), [](const Json& v) { return v.string() != nullptr; }))
          wrong(keyword, "a list of names");
        return;
      case Want::kNumber:
        if (!is_number(value)) wrong(keyword, "a number");
        return;
      case Want::kText:
        if (value.string() == nullptr) wrong(keyword, "a string");
        if (keyword.name == "$ref") check_reference(*value.string());
        return;
    }
  }

  void check_reference(const std::string& reference) {
    uint64_t work = 0;
    const bool found = reference.starts_with('#') &&
                       (reference.size() == 1 ||
                        follow_pointer(root_, std::string_view(reference).substr(1), work) != nullptr);
    spend(work);
    if (found) return;
    refuse(what_, "\"$ref\" leads nowhere in this schema: {}", in_quotes(reference.substr(0, 80)));
  }

  const Json& root_;
  const std::string& what_;
  uint64_t work_ = 0;
};

bool is_object_schema(const Json& schema) {
  const Json* const type = schema.find("type");
  return type != nullptr && type->string() != nullptr && *type->string() == "object";
}

// The names of an object's properties, which the schema must not leave optional.
JsonArray all_required(const Json* properties, const Json* required, const std::string& what) {
  JsonArray names;
  if (properties != nullptr)
    for (const JsonMember& member : properties->object()->members()) names.emplace_back(member.key);
  if (required != nullptr && required->array()->size() != names.size())
    refuse(what, "\"strict\" needs every property in \"required\"");
  return names;
}

Json closed(const Json& schema, const std::string& what);

Json closed_map(const Json& schemas, const std::string& what) {
  std::vector<JsonMember> members;
  for (const JsonMember& member : schemas.object()->members())
    members.push_back({member.key, closed(member.value, what)});
  return JsonObject(std::move(members));
}

Json closed_member(const std::string& key, const Json& value, const std::string& what) {
  if (key == "properties" || key == "$defs" || key == "definitions") return closed_map(value, what);
  if (key == "items" && value.array() == nullptr) return closed(value, what);
  if (key != "anyOf" && key != "prefixItems" && key != "items") return value;
  JsonArray out;
  for (const Json& one : *value.array()) out.push_back(closed(one, what));
  return out;
}

Json closed(const Json& schema, const std::string& what) {
  if (schema.object() == nullptr) return schema;
  JsonObject out;
  for (const JsonMember& member : schema.object()->members())
    out.set(member.key, closed_member(member.key, member.value, what));
  if (!is_object_schema(schema)) return out;
  const Json* const more = schema.find("additionalProperties");
  if (more != nullptr && (more->boolean() == nullptr || *more->boolean()))
    refuse(what, "\"strict\" needs \"additionalProperties\" to be false");
  const Json* const properties = schema.find("properties");
  if (properties == nullptr) out.set("properties", JsonObject());
  out.set("additionalProperties", false);
  out.set("required", all_required(properties, schema.find("required"), what));
  return out;
}

}  // namespace

void check_tool_name(const std::string& name, const std::string& place) {
  if (name.empty()) refuse(place, "a tool's name must not be empty");
  if (text_length(name) > kMaxToolName)
    refuse(place, "a tool's name has at most {} characters, this one has {}", kMaxToolName,
           text_length(name));
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (name.find_first_not_of(kAllowed) != name.npos)
    refuse(place, "a tool's name consists of letters, digits, _ and - only: {}", in_quotes(name));
}

void check_schema(const Json& schema, const std::string& what) { SchemaReader(schema, what).check(schema); }

Json closed_schema(const Json& schema, const std::string& what) {
  if (!is_object_schema(schema)) refuse(what, "\"strict\" needs an object at the top");
  return closed(schema, what);
}

ToolSpec make_tool(const std::string& name, const std::string* description, const Json* parameters,
                   std::optional<bool> strict, const std::string& place) {
  ToolSpec tool;
  check_tool_name(name, place + ".name");
  tool.name = name;
  if (description != nullptr) tool.description = *description;
  tool.strict = strict;
  tool.parameters = JsonObject();
  if (parameters == nullptr) return tool;
  const std::string what = "the schema of tool " + name;
  check_schema(*parameters, what);
  if (!is_object_schema(*parameters)) refuse(what, "its \"type\" must be \"object\"");
  tool.parameters = strict.value_or(false) ? closed_schema(*parameters, what) : *parameters;
  return tool;
}

void check_unique_names(const std::vector<ToolSpec>& tools) {
  std::vector<std::string_view> names;
  names.reserve(tools.size());
  for (const ToolSpec& tool : tools) names.push_back(tool.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) refuse("tools", "two tools have the name {}", in_quotes(*twice));
}

void require_tool(ChatRequest& request, const std::string& name) {
  if (request.tools.empty()) return;
  std::erase_if(request.tools, [&](const ToolSpec& tool) { return tool.name != name; });
  if (request.tools.empty())
    refuse("tool_choice", "no tool has the name {}", in_quotes(name.substr(0, kMaxToolName)));
  request.tool_choice = ToolChoice::kRequired;
}

ResponseFormat schema_format(const Json& schema, bool strict, const std::string& place) {
  check_schema(schema, place);
  ResponseFormat format;
  format.kind = ResponseFormat::Kind::kJsonSchema;
  format.schema = schema;
  format.strict_schema = strict ? closed_schema(schema, place) : schema;
  return format;
}

Json tools_json(const std::vector<ToolSpec>& tools) {
  JsonArray list;
  for (const ToolSpec& tool : tools) {
    JsonObject function;
    function.set("name", tool.name);
    function.set("description", tool.description);
    function.set("parameters", tool.parameters);
    function.set("strict", tool.strict ? Json(*tool.strict) : Json());
    JsonObject entry;
    entry.set("type", "function");
    entry.set("function", std::move(function));
    list.emplace_back(std::move(entry));
  }
  return list;
}

std::string compact_json(const Json& value) {
  std::string out;
  if (const JsonArray* const array = value.array()) {
    out = "[";
    for (const Json& item : *array) {
      if (&item != array->data()) out += ',';
      out += compact_json(item);
    }
    return out + "]";
  }
  if (const JsonObject* const object = value.object()) {
    out = "{";
    for (const JsonMember& member : object->members()) {
      if (&member != object->members().data()) out += ',';
      out += json_quoted(member.key) + ":" + compact_json(member.value);
    }
    return out + "}";
  }
  return dump_json(value);
}

}  // namespace hadal
