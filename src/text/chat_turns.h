// Messages -> turns: what happens to a V4 conversation before it is rendered. Tool results become parts of
// user turns, users in a row merge, results take the order of their calls, some old turns are dropped.
//
// Turns point into the messages, which must outlive them.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace hadal {

enum class ChatRole { kSystem, kUser, kDeveloper, kAssistant, kLatestReminder, kSearchResults, kUnknown };

// A part of a user turn.
struct TurnPart {
  bool is_tool_result = false;
  const Json* content = nullptr;  // null: the message has none
  const Json* call_id = nullptr;
};

struct Turn {
  ChatRole role = ChatRole::kUnknown;
  // The message; for a user turn the first one. Its fields other than the task count for no user turn.
  const Json* message = nullptr;
  std::string place;            // for error messages
  std::vector<TurnPart> parts;  // of a user turn
  const Json* task = nullptr;   // null: none

  // A field of a turn that is no user turn; null when there is none.
  const Json* field(std::string_view name) const {
    return role == ChatRole::kUser ? nullptr : message->find(name);
  }
};

// Error(kUsage) for a message that is no object. `place` names the list in error messages.
std::vector<Turn> merge_turns(const JsonArray& messages, const std::string& place);

// Puts the tool results of each user turn in the order of the calls that came last before it.
void sort_tool_results(std::vector<Turn>& turns);

// The last turn of a user or developer; -1 when there is none.
int last_user_index(const std::vector<Turn>& turns);

// What dropping old reasoning deletes: developers and unknown roles before the last user turn. (Assistants
// stay; that their reasoning is not printed is the renderer's part.)
void drop_old_turns(std::vector<Turn>& turns);

}  // namespace hadal
