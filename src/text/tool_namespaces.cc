#include "text/tool_namespaces.h"

#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "text/python_text.h"

namespace hadal {
namespace {

constexpr std::string_view kSeparator = "::";

// That of the tool or call, else that of its function; null when neither has one.
const Json* namespace_of(const Json& holder, const Json& function) {
  for (const Json* const place : {&holder, &function}) {
    const Json* const found = place->find("namespace");
    if (found != nullptr && !found->is_null()) return found;
  }
  return nullptr;
}

const std::string& text_of(const Json* value, const std::string& place) {
  if (value == nullptr || value->string() == nullptr)
    fail(ErrorCode::kUsage, "{}: its namespace is not text", place);
  return *value->string();
}

std::string full_name(const std::string& name, const std::string* name_space, const std::string& place) {
  const auto [own, bare] = split_namespace(name);
  if (bare.find(kSeparator) != std::string_view::npos)
    fail(ErrorCode::kUsage, "{}: {} has more than one namespace", place, in_quotes(name.substr(0, 80)));
  if (name_space == nullptr) return name;
  if (name_space->find(kSeparator) != std::string::npos)
    fail(ErrorCode::kUsage, "{}: the namespace {} must not have \"::\" in it", place,
         in_quotes(name_space->substr(0, 80)));
  if (!own.empty() && own != *name_space)
    fail(ErrorCode::kUsage, "{}: {} does not belong to the namespace {}", place,
         in_quotes(name.substr(0, 80)), in_quotes(name_space->substr(0, 80)));
  return *name_space + std::string(kSeparator) + std::string(bare);
}

}  // namespace

NamespacedName split_namespace(std::string_view name) {
  const size_t at = name.find(kSeparator);
  if (at == std::string_view::npos) return {"", name};
  return {name.substr(0, at), name.substr(at + kSeparator.size())};
}

bool is_namespaced_name(std::string_view name) {
  return split_namespace(name).name.find(kSeparator) == std::string_view::npos;
}

Json namespaced_function(const Json& tool, const std::string& place) {
  const Json& function = *tool.find("function");
  const Json* const name = function.find("name");
  const Json* const given = namespace_of(tool, function);
  if (function.object() == nullptr || (given == nullptr && (name == nullptr || name->string() == nullptr)))
    return function;
  if (name == nullptr || name->string() == nullptr)
    fail(ErrorCode::kUsage, "{}: a tool in a namespace needs a name", place);
  const Json* const described =
      given != nullptr && given->object() != nullptr ? given->find("description") : nullptr;
  const std::string* const name_space =
      given == nullptr ? nullptr : &text_of(given->object() != nullptr ? given->find("name") : given, place);
  JsonObject printed;
  for (const JsonMember& member : function.object()->members())
    if (member.key != "namespace") printed.set(member.key, member.value);
  printed.set("name", full_name(*name->string(), name_space, place));
  if (python_truth(described)) {
    const Json* const own = function.find("description");
    printed.set("description",
                python_str(*described) + "\n" + (python_truth(own) ? python_str(*own) : std::string()));
  }
  return printed;
}

std::string namespaced_call_name(const Json& call, const std::string& place) {
  const Json& function = *call.find("function");
  const Json* const given = namespace_of(call, function);
  return full_name(python_str(*function.find("name")), given == nullptr ? nullptr : &text_of(given, place),
                   place);
}

}  // namespace hadal
