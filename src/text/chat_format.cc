#include "text/chat_format.h"

#include "base/error.h"
#include "base/utf8.h"
#include "text/chat_v4.h"

namespace hadal {

RenderedPrompt render_chat(const ChatLiterals& literals, const JsonArray& messages,
                           const ChatOptions& options) {
  RenderedPrompt prompt;
  switch (literals.dialect) {
    case ChatDialect::kV4Preview:
    case ChatDialect::kV40731:
      prompt = render_chat_v4(literals, messages, options);
      break;
  }
  if (!is_valid_utf8(prompt.text))
    fail(ErrorCode::kUsage, "the messages hold half of a surrogate pair, which UTF-8 cannot express");
  return prompt;
}

}  // namespace hadal
