#include "text/chat_dialect.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace hadal {
namespace {

constexpr DsmlNames kV4Names = {"tool_calls", "invoke", "parameter"};

constexpr ChatTraits kTraits[] = {
    {.dialect = ChatDialect::kV4Preview,
     .name = "v4",
     .title = "V4 (preview)",
     .names = kV4Names,
     .arguments = ArgumentsRule::kWrapUnreadable,
     .merges_turns = true,
     .marks_system = false,
     .has_developer = true,
     .has_tasks = true,
     .has_blocks = false,
     .has_namespaces = false,
     .counts_effort = false},
    {.dialect = ChatDialect::kV40731,
     .name = "v4-0731",
     .title = "V4 (0731)",
     .names = kV4Names,
     .arguments = ArgumentsRule::kWrapUnreadable,
     .merges_turns = true,
     .marks_system = false,
     .has_developer = true,
     .has_tasks = true,
     .has_blocks = false,
     .has_namespaces = false,
     .counts_effort = false},
    {.dialect = ChatDialect::kV41,
     .name = "v41",
     .title = "V4.1",
     .names = {" calls", " invoke", " parameter"},
     .arguments = ArgumentsRule::kWrapAll,
     .merges_turns = true,
     .marks_system = true,
     .has_developer = false,
     .has_tasks = true,
     .has_blocks = true,
     .has_namespaces = true,
     .counts_effort = true},
    {.dialect = ChatDialect::kV32,
     .name = "v32",
     .title = "V3.2",
     .names = {"function_calls", "invoke", "parameter"},
     .arguments = ArgumentsRule::kRefuse,
     .merges_turns = false,
     .marks_system = false,
     .has_developer = true,
     .has_tasks = false,
     .has_blocks = false,
     .has_namespaces = false,
     .counts_effort = false},
};

}  // namespace

const ChatTraits& traits_of(ChatDialect dialect) {
  const auto* const found = std::ranges::find(kTraits, dialect, &ChatTraits::dialect);
  CHECK(found != std::end(kTraits));
  return *found;
}

std::optional<ChatDialect> chat_dialect(std::string_view name) {
  const auto* const found = std::ranges::find(kTraits, name, &ChatTraits::name);
  return found == std::end(kTraits) ? std::nullopt : std::optional(found->dialect);
}

ChatDialect chat_dialect_of_model(std::string_view model_type) {
  if (model_type == "deepseek_v41") return ChatDialect::kV41;
  if (model_type == "deepseek_v32" || model_type == "deepseek_v3") return ChatDialect::kV32;
  return ChatDialect::kV4Preview;
}

}  // namespace hadal
