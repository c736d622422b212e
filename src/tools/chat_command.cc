#include "tools/chat_command.h"

#include <fmt/format.h>

#include "base/error.h"
#include "tools/chat_settings.h"

namespace hadal {
namespace {

enum class Takes { kNothing, kMaybe, kOne };

struct CommandText {
  std::string_view name;
  ChatVerb verb;
  Takes takes;
  std::string_view argument;
  std::string_view help;
};

constexpr CommandText kCommands[] = {
    {"help", ChatVerb::kHelp, Takes::kNothing, "", "this list"},
    {"think", ChatVerb::kThink, Takes::kMaybe, "[on|off|LEVEL]", "let the model reason before it answers"},
    {"system", ChatVerb::kSystem, Takes::kMaybe, "[TEXT|none]",
     "what the model is told before the conversation"},
    {"regen", ChatVerb::kRegen, Takes::kNothing, "", "another answer to the last message"},
    {"undo", ChatVerb::kUndo, Takes::kNothing, "", "take back the last message and its answer"},
    {"new", ChatVerb::kNew, Takes::kNothing, "", "begin again; the system text stays"},
    {"save", ChatVerb::kSave, Takes::kOne, "FILE", "write the conversation to a file"},
    {"load", ChatVerb::kLoad, Takes::kOne, "FILE", "go on with a saved one"},
    {"stats", ChatVerb::kStats, Takes::kNothing, "", "tokens, speed and room"},
    {"set", ChatVerb::kSet, Takes::kMaybe, "[NAME VALUE]", "sampling and display; alone it lists them"},
    {"quit", ChatVerb::kQuit, Takes::kNothing, "", "leave (Ctrl-D too)"},
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

std::optional<ChatCommand> parse_chat_command(std::string_view input) {
  if (!input.starts_with('/') || input.starts_with("//")) return {};
  const size_t space = std::min(input.find_first_of(" \t\r\n"), input.size());
  const std::string_view name = input.substr(1, space - 1);
  const std::string_view argument = trimmed(input.substr(space));
  for (const CommandText& command : kCommands) {
    if (command.name != name && !(name == "exit" && command.verb == ChatVerb::kQuit)) continue;
    if (command.takes == Takes::kNothing && !argument.empty())
      fail(ErrorCode::kUsage, "/{} takes nothing after it", name);
    if (command.takes == Takes::kOne && argument.empty())
      fail(ErrorCode::kUsage, "/{} needs {} after it", name, command.argument);
    return ChatCommand{command.verb, std::string(argument)};
  }
  fail(ErrorCode::kUsage, "there is no command /{}; /help lists them, and // begins a text with a slash",
       name);
}

std::string said_text(std::string_view input) {
  return std::string(input.starts_with("//") ? input.substr(1) : input);
}

std::string chat_help() {
  std::string text;
  for (const CommandText& command : kCommands)
    text += fmt::format("  {:<24} {}\n", fmt::format("/{} {}", command.name, command.argument), command.help);
  text +=
      "Enter sends. A line that ends in a backslash goes on, and so does a text that begins with \"\"\" "
      "until the next\n"
      "\"\"\"; pasted lines stay together. Ctrl-C stops an answer, Ctrl-R searches what you said.\n";
  return text;
}

std::vector<std::string> complete_chat_command(std::string_view line) {
  std::vector<std::string> lines;
  if (!line.starts_with('/')) return lines;
  for (const CommandText& command : kCommands) {
    const std::string whole = fmt::format("/{}{}", command.name, command.takes == Takes::kNothing ? "" : " ");
    if (whole.starts_with(line) && whole != line) lines.push_back(whole);
  }
  constexpr std::string_view kSet = "/set ";
  if (!line.starts_with(kSet)) return lines;
  for (const SettingText& setting : list_settings({}))
    if (setting.name.starts_with(line.substr(kSet.size())))
      lines.push_back(fmt::format("/set {} ", setting.name));
  return lines;
}

}  // namespace hadal
