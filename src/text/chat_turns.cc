#include "text/chat_turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "text/python_text.h"

namespace hadal {
namespace {

constexpr std::string_view kToolRole = "tool";

ChatRole role_of(std::string_view name) {
  constexpr std::pair<std::string_view, ChatRole> kRoles[] = {
      {"system", ChatRole::kSystem},
      {"user", ChatRole::kUser},
      {"developer", ChatRole::kDeveloper},
      {"assistant", ChatRole::kAssistant},
      {"latest_reminder", ChatRole::kLatestReminder},
      {"direct_search_results", ChatRole::kSearchResults},
  };
  const auto* const found = std::ranges::find(kRoles, name, &std::pair<std::string_view, ChatRole>::first);
  return found == std::end(kRoles) ? ChatRole::kUnknown : found->second;
}

const Json* unless_null(const Json* value) { return value == nullptr || value->is_null() ? nullptr : value; }

// The place of each call by its id.
using CallOrder = std::unordered_map<std::string, size_t>;

std::string id_key(const Json& id, const Turn& turn) {
  std::optional<std::string> key = python_dict_key(id);
  if (!key) fail(ErrorCode::kUsage, "{}: the id of a tool call is neither text nor a number", turn.place);
  return *std::move(key);
}

CallOrder order_of_calls(const Json& tool_calls, const Turn& turn) {
  if (tool_calls.array() == nullptr) fail(ErrorCode::kUsage, "{}: tool_calls: not a list", turn.place);
  CallOrder order;
  for (const Json& call : *tool_calls.array()) {
    if (call.object() == nullptr) fail(ErrorCode::kUsage, "{}: a tool call is no object", turn.place);
    const Json* id = call.find("id");
    if (!python_truth(id)) {
      const Json* const function = call.find("function");
      if (function != nullptr && function->object() == nullptr)
        fail(ErrorCode::kUsage, "{}: a tool call's function is no object", turn.place);
      id = function == nullptr ? nullptr : function->find("id");
    }
    if (python_truth(id)) order[id_key(*id, turn)] = static_cast<size_t>(&call - tool_calls.array()->data());
  }
  return order;
}

void sort_results(Turn& turn, const CallOrder& order) {
  const auto is_result = [](const TurnPart& part) { return part.is_tool_result; };
  if (order.empty() || std::ranges::count_if(turn.parts, is_result) < 2) return;
  const std::vector<TurnPart> unsorted = turn.parts;
  // Equal ranks keep their order: the place in the turn comes second.
  std::vector<std::pair<size_t, size_t>> results;
  for (size_t i = 0; i < unsorted.size(); ++i) {
    if (!unsorted[i].is_tool_result) continue;
    const Json* const id = unsorted[i].call_id;
    const auto known = id == nullptr ? order.end() : order.find(id_key(*id, turn));
    results.emplace_back(known == order.end() ? 0 : known->second, i);
  }
  std::ranges::sort(results);
  auto next = results.begin();
  for (TurnPart& part : turn.parts)
    if (part.is_tool_result) part = unsorted[(next++)->second];
}

}  // namespace

std::vector<Turn> merge_turns(const JsonArray& messages, const std::string& place) {
  std::vector<Turn> turns;
  for (const Json& message : messages) {
    Turn turn;
    turn.message = &message;
    turn.place = fmt::format("{}[{}]", place, &message - messages.data());
    if (message.object() == nullptr) fail(ErrorCode::kUsage, "{}: not an object", turn.place);
    const Json* const role = message.find("role");
    const std::string* const role_name = role == nullptr ? nullptr : role->string();
    const bool is_tool_result = role_name != nullptr && *role_name == kToolRole;
    turn.role = is_tool_result         ? ChatRole::kUser
                : role_name == nullptr ? ChatRole::kUnknown
                                       : role_of(*role_name);
    if (!is_tool_result) turn.task = unless_null(message.find("task"));
    if (turn.role == ChatRole::kUser) {
      const TurnPart part{is_tool_result, message.find("content"),
                          is_tool_result ? message.find("tool_call_id") : nullptr};
      // A user turn with a task takes tool results, but no more text.
      if (!turns.empty() && turns.back().role == ChatRole::kUser &&
          (is_tool_result || turns.back().task == nullptr)) {
        turns.back().parts.push_back(part);
        continue;
      }
      turn.parts.push_back(part);
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

void sort_tool_results(std::vector<Turn>& turns) {
  CallOrder order;
  for (Turn& turn : turns) {
    if (turn.role == ChatRole::kUser) {
      sort_results(turn, order);
    } else if (turn.role == ChatRole::kAssistant && python_truth(turn.field("tool_calls"))) {
      order = order_of_calls(*turn.field("tool_calls"), turn);
    }
  }
}

int last_user_index(const std::vector<Turn>& turns) {
  for (size_t i = turns.size(); i-- > 0;)
    if (turns[i].role == ChatRole::kUser || turns[i].role == ChatRole::kDeveloper) return static_cast<int>(i);
  return -1;
}

void drop_old_turns(std::vector<Turn>& turns) {
  const auto last_user = turns.begin() + std::max(0, last_user_index(turns));
  const auto kept = std::remove_if(turns.begin(), last_user, [](const Turn& turn) {
    return turn.role == ChatRole::kDeveloper || turn.role == ChatRole::kUnknown;
  });
  turns.erase(kept, last_user);
}

}  // namespace hadal
