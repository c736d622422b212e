// The walk over a conversation's turns; chat_format.h says what it promises.
#pragma once

#include "text/chat_format.h"

namespace hadal {

// The context of `options` is not looked at but for whether there is one: it comes as `context_messages`.
RenderedPrompt render_messages(const ChatLiterals& literals, const JsonArray& messages,
                               const JsonArray& context_messages, const ChatOptions& options);

}  // namespace hadal
