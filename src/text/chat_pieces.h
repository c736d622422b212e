// What the chat formats share: the prompt being written, tool calls in DSML, and the blocks of literals.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/chat_format.h"
#include "text/literals.h"

namespace hadal {

class PromptWriter {
 public:
  void markup(std::string_view token);
  void content(std::string_view text) { prompt_.text += text; }
  // `value` takes the place of every placeholder that is not a control token.
  void fill(const TextTemplate& text, std::string_view value);
  RenderedPrompt take() && { return std::move(prompt_); }

 private:
  RenderedPrompt prompt_;
};

// Raise what the reference raises when tools or calls are not of its shape, also where they are not printed.
// Error(kUsage) starts with `place`.
void check_tools(const Json* tools, const ChatTraits& traits, const std::string& place);
void check_tool_calls(const Json* tool_calls, const ChatTraits& traits, const std::string& place);

// The block of calls of an assistant message; they have been checked and are not empty.
void write_tool_calls(const Json& tool_calls, const ChatTraits& traits, const std::string& place,
                      PromptWriter& out);
// "\n\n" and the tools' descriptions; "\n\n" and the wished format. Nothing for a value that is missing or
// empty.
void write_tools(const Json* tools, const ChatLiterals& literals, PromptWriter& out);
void write_response_format(const Json* format, const ChatLiterals& literals, PromptWriter& out);

}  // namespace hadal
