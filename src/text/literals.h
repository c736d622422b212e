// The prose of the chat formats: sentences that the model was trained on, so they must be right to the byte.
// They come from the checkpoint's own encoding file, a Python source that is read (python_source.h), never
// executed.
//
// Which names the file defines decides the format. A model without such a file gets hadal's own sentences,
// and the log says so. Nothing is cached: reading takes microseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat_dialect.h"

namespace hadal {

// A text with places for values, split where Python's str.format would put them.
struct TemplatePiece {
  enum class Kind { kText, kControlToken, kValue };
  Kind kind;
  std::string text;  // the text, or the control token
};
using TextTemplate = std::vector<TemplatePiece>;

struct ChatLiterals {
  ChatDialect dialect = ChatDialect::kV4Preview;
  TextTemplate tools;            // value: the tools' descriptions
  TextTemplate response_format;  // value: the wished format
  // What thinking prompts begin with; value: that of the level of effort.
  TextTemplate effort;
  // The levels by name: a text, or a number from 1 to 100. Empty: the format has none.
  std::vector<std::pair<std::string, std::string>> efforts;
  // The level meant by none; without one, none is a level of its own that writes nothing.
  std::optional<std::string> default_effort;
};

// Of a model's folder (encoding/*.py and *.py in it) or of one encoding file, whatever its name.
// Error(kInvalidModel) naming file and literal when one is missing or is not the plain string that it must
// be. `without_file`: the format for a folder that has no encoding file; it gets hadal's own wording.
ChatLiterals load_chat_literals(const std::string& path, ChatDialect without_file = ChatDialect::kV4Preview);
// The same for a file's content; nothing when it is not an encoding file.
std::optional<ChatLiterals> parse_chat_literals(std::string_view source, std::string_view name);
// hadal's own wording.
ChatLiterals own_chat_literals(ChatDialect dialect);

}  // namespace hadal
