// Names of tools with a namespace, as V4.1 writes them: namespace::name.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace hadal {

struct NamespacedName {
  std::string_view name_space;  // empty: none
  std::string_view name;
};

// Splits at the first "::".
NamespacedName split_namespace(std::string_view name);
// A name in which nothing but one "::" can be meant.
bool is_namespaced_name(std::string_view name);

// The function of a tool as it is printed: with its full name, the namespace's description before its own,
// and without "namespace". Error(kUsage) starting with `place` for namespaces that disagree and for more than
// one "::".
Json namespaced_function(const Json& tool, const std::string& place);
// The full name of a call's function.
std::string namespaced_call_name(const Json& call, const std::string& place);

}  // namespace hadal
