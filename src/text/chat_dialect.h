// The chat formats of the family side by side: what differs between them is here (and in the words that a
// checkpoint brings, literals.h); everything that renders or parses asks for the part, never for the member.
//
//                       V4 preview, 0731     V4.1                  V3.2
//   tags of calls       tool_calls           " calls", " invoke"   function_calls
//   system              text                 marker; later ones    text
//                                            open an answer
//   tool results        in a user turn       in a user turn        a block after the calls
//   two users in a row  one turn             one turn              two turns
//   old reasoning       kept with tools      kept with tools       never
//   effort              by name              a number              none
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hadal {

enum class ChatDialect : uint8_t {
  kV4Preview,  // April 2026
  kV40731,     // Flash-0731, Pro-0813
  kV41,
  kV32,
};

// The names in the tags of tool calls.
struct DsmlNames {
  std::string_view block;
  std::string_view invoke;
  std::string_view parameter;
};

// What becomes of a call's arguments that are no JSON object in a string.
enum class ArgumentsRule : uint8_t {
  kWrapUnreadable,  // what is no JSON is one parameter; JSON of another kind is an error
  kWrapAll,         // anything is one parameter; an object, and an object in a string in a string, are taken
  kRefuse,
};

struct ChatTraits {
  ChatDialect dialect;
  std::string_view name;   // as options spell it
  std::string_view title;  // for people
  DsmlNames names;
  ArgumentsRule arguments;
  // Tool results become parts of user turns in the order of their calls, users in a row merge, tools keep old
  // reasoning. Without it every message is a turn, and nothing is ever left out.
  bool merges_turns;
  // A marker before system text; a system message that is not the first counts as a user turn.
  bool marks_system;
  bool has_developer;
  // Tasks, reminders, answers without an end.
  bool has_tasks;
  // Content in blocks with images; the fields of user messages count.
  bool has_blocks;
  // namespace::name for tools and calls.
  bool has_namespaces;
  // Efforts are numbers from 1 to 100; names stand for some of them.
  bool counts_effort;
};

const ChatTraits& traits_of(ChatDialect dialect);
// By ChatTraits::name; nothing when there is no such format.
std::optional<ChatDialect> chat_dialect(std::string_view name);
// The format of models of this kind (config.json: model_type) that come without an encoding file.
ChatDialect chat_dialect_of_model(std::string_view model_type);

}  // namespace hadal
