// V4's chat format; chat_format.h says what it promises.
#pragma once

#include "text/chat_format.h"

namespace hadal {

RenderedPrompt render_chat_v4(const ChatLiterals& literals, const JsonArray& messages,
                              const ChatOptions& options);

}  // namespace hadal
