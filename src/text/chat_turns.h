// Messages -> turns: what happens to a conversation before it is rendered. Where the format merges turns,
// tool results become parts of user turns, users in a row merge and results take the order of their calls.
//
// Turns point into the messages, which must outlive them.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/chat_dialect.h"

namespace hadal {

enum class ChatRole {
  kSystem,
  kUser,
  kDeveloper,
  kAssistant,
  kTool,  // where turns do not merge
  kLatestReminder,
  kSearchResults,
  kUnknown,
};

// A part of a user turn.
struct TurnPart {
  enum class Kind { kText, kToolResult, kOther };
  Kind kind = Kind::kText;
  const Json* content = nullptr;  // null: the message has none; of kOther its type
  const Json* call_id = nullptr;
};

struct Turn {
  ChatRole role = ChatRole::kUnknown;
  const Json* message = nullptr;  // of a user turn the first one
  bool has_fields = true;         // those of the message count; the task does in any case
  std::string place;              // for error messages
  std::vector<TurnPart> parts;    // of a user turn
  const Json* task = nullptr;     // null: none

  // Null when there is none.
  const Json* field(std::string_view name) const { return has_fields ? message->find(name) : nullptr; }
};

// Error(kUsage) for a message that is no object. `place` names the list in error messages.
std::vector<Turn> make_turns(const JsonArray& messages, const ChatTraits& traits, const std::string& place);

// Puts the tool results of each user turn in the order of the calls that came last before it.
void sort_tool_results(std::vector<Turn>& turns);

// The last turn of a user or developer, or of a late system where that counts as one; -1 when there is none.
int last_user_index(const std::vector<Turn>& turns, const ChatTraits& traits);

// What dropping old reasoning deletes: developers and unknown roles before the last user turn. (Assistants
// stay; that their reasoning is not printed is the renderer's part.)
void drop_old_turns(std::vector<Turn>& turns, const ChatTraits& traits);

}  // namespace hadal
