// The commands of the chat, as typed: "/name argument". A text that begins with two slashes is a text that
// begins with one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class ChatVerb { kHelp, kThink, kSystem, kRegen, kUndo, kSave, kLoad, kStats, kSet, kNew, kQuit };

struct ChatCommand {
  ChatVerb verb;
  std::string argument;  // without the spaces around it
};

// Nothing for what is said to the model (see said_text). Error(kUsage) for an unknown command and for an
// argument where none is taken or one is missing.
std::optional<ChatCommand> parse_chat_command(std::string_view input);
std::string said_text(std::string_view input);

// What /help prints.
std::string chat_help();
// The lines that may stand in place of an unfinished command.
std::vector<std::string> complete_chat_command(std::string_view line);

}  // namespace hadal
