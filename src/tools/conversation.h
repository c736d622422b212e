// A conversation: the messages that the chat format takes, what may be done to them, and its form as a file.
//
// The file is one JSON object {"format": "hadal-chat", "version": 1, "thinking": ..., "messages": [...]}, the
// messages in the shape of the common chat APIs (role, content, reasoning_content, tool_calls).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/reply_parser.h"

namespace hadal {

// A call as the messages of the chat APIs hold it: {"type": "function", "function": {"name", "arguments"}},
// and "namespace" where the format has them.
Json message_call(const ToolCall& call, ChatDialect dialect);

class Conversation {
 public:
  const JsonArray& messages() const { return messages_; }
  // Without the system message.
  int64_t turns() const;

  // The first message; empty text removes it.
  void set_system(std::string_view text);
  std::string system() const;

  void add_user(std::string_view text);
  // A call that was cut or whose arguments are no JSON object could not be rendered again: it stays as text.
  void add_reply(const Reply& reply, ChatDialect dialect = ChatDialect::kV4Preview);
  // Takes back the last reply and what the user said before it; returns that text, or nothing if there is
  // none.
  std::optional<std::string> undo();
  // Takes back the last reply alone. False if the last message is none.
  bool drop_reply();
  void clear();  // the system message stays

  // How thinking was set, as the chat spells it ("off", "on" or a level).
  std::string thinking = "off";

  std::string to_json() const;
  // Error(kInvalidModel) naming `origin` for anything that is not such a file.
  static Conversation from_json(std::string_view text, const std::string& origin);
  // Error(kUsage) if there is a file that is no saved chat.
  void save(const std::string& path) const;
  static Conversation load(const std::string& path);

 private:
  bool has_system() const;

  JsonArray messages_;
};

}  // namespace hadal
