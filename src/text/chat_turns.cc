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

ChatRole role_of(std::string_view name, const ChatTraits& traits) {
  constexpr std::pair<std::string_view, ChatRole> kRoles[] = {
      {"system", ChatRole::kSystem},
      {"user", ChatRole::kUser},
      {"developer", ChatRole::kDeveloper},
      {"assistant", ChatRole::kAssistant},
      {"latest_reminder", ChatRole::kLatestReminder},
      {"direct_search_results", ChatRole::kSearchResults},
  };
  const auto* const found = std::ranges::find(kRoles, name, &std::pair<std::string_view, ChatRole>::first);
  const ChatRole role = found == std::end(kRoles) ? ChatRole::kUnknown : found->second;
  const bool is_known =
      (traits.has_developer || role != ChatRole::kDeveloper) &&
      (traits.has_tasks || (role != ChatRole::kLatestReminder && role != ChatRole::kSearchResults));
  return is_known ? role : ChatRole::kUnknown;
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
  const auto is_result = [](const TurnPart& part) { return part.kind == TurnPart::Kind::kToolResult; };
  if (order.empty() || std::ranges::count_if(turn.parts, is_result) < 2) return;
  const std::vector<TurnPart> unsorted = turn.parts;
  // Equal ranks keep their order: the place in the turn comes second.
  std::vector<std::pair<size_t, size_t>> results;
  for (size_t i = 0; i < unsorted.size(); ++i) {
    if (!is_result(unsorted[i])) continue;
    const Json* const id = unsorted[i].call_id;
    const auto known = id == nullptr ? order.end() : order.find(id_key(*id, turn));
    results.emplace_back(known == order.end() ? 0 : known->second, i);
  }
  std::ranges::sort(results);
  auto next = results.begin();
  for (TurnPart& part : turn.parts)
    if (is_result(part)) part = unsorted[(next++)->second];
}

// The blocks of a user message; its content as one when it has none.
std::vector<TurnPart> parts_of(const Json& message, const ChatTraits& traits) {
  using Kind = TurnPart::Kind;
  const Json* const blocks = traits.has_blocks ? message.find("content_blocks") : nullptr;
  if (blocks == nullptr || blocks->array() == nullptr || blocks->array()->empty())
    return {{Kind::kText, message.find("content"), nullptr}};
  std::vector<TurnPart> parts;
  for (const Json& block : *blocks->array()) {
    const Json* const type = block.find("type");
    const std::string* const name = type == nullptr ? nullptr : type->string();
    if (name != nullptr && *name == "text") {
      parts.push_back({Kind::kText, block.find("text"), nullptr});
    } else if (name != nullptr && *name == "tool_result") {
      parts.push_back({Kind::kToolResult, block.find("content"), block.find("tool_use_id")});
    } else {
      parts.push_back({Kind::kOther, type, nullptr});
    }
  }
  return parts;
}

}  // namespace

std::vector<Turn> make_turns(const JsonArray& messages, const ChatTraits& traits, const std::string& place) {
  std::vector<Turn> turns;
  for (const Json& message : messages) {
    Turn turn;
    turn.message = &message;
    turn.place = fmt::format("{}[{}]", place, &message - messages.data());
    if (message.object() == nullptr) fail(ErrorCode::kUsage, "{}: not an object", turn.place);
    const Json* const role = message.find("role");
    const std::string* const role_name = role == nullptr ? nullptr : role->string();
    const bool is_tool_result = role_name != nullptr && *role_name == kToolRole;
    turn.role = role_name == nullptr  ? ChatRole::kUnknown
                : !is_tool_result     ? role_of(*role_name, traits)
                : traits.merges_turns ? ChatRole::kUser
                                      : ChatRole::kTool;
    if (!is_tool_result && traits.has_tasks) turn.task = unless_null(message.find("task"));
    if (turn.role == ChatRole::kUser) {
      turn.has_fields = traits.has_blocks && !is_tool_result;
      turn.parts = is_tool_result
                       ? std::vector<TurnPart>{{TurnPart::Kind::kToolResult, message.find("content"),
                                                message.find("tool_call_id")}}
                       : parts_of(message, traits);
      // A user turn with a task takes tool results, but no more text.
      if (traits.merges_turns && !turns.empty() && turns.back().role == ChatRole::kUser &&
          (is_tool_result || turns.back().task == nullptr)) {
        turns.back().parts.insert(turns.back().parts.end(), turn.parts.begin(), turn.parts.end());
        continue;
      }
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

int last_user_index(const std::vector<Turn>& turns, const ChatTraits& traits) {
  for (size_t i = turns.size(); i-- > 0;) {
    const ChatRole role = turns[i].role;
    if (role == ChatRole::kUser || role == ChatRole::kDeveloper ||
        (traits.marks_system && role == ChatRole::kSystem && i > 0))
      return static_cast<int>(i);
  }
  return -1;
}

void drop_old_turns(std::vector<Turn>& turns, const ChatTraits& traits) {
  const auto last_user = turns.begin() + std::max(0, last_user_index(turns, traits));
  const auto kept = std::remove_if(turns.begin(), last_user, [](const Turn& turn) {
    return turn.role == ChatRole::kDeveloper || turn.role == ChatRole::kUnknown;
  });
  turns.erase(kept, last_user);
}

}  // namespace hadal
