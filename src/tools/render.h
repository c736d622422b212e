// What `hadal render` does: conversations to prompts, and replies back to messages, as a filter over lines of
// JSON.
#pragma once

#include <iosfwd>

#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

// {"messages", "options"} -> {"prompt", "special_ranges"}, with images also "images", with a tokenizer also
// "ids". options: thinking_mode
// ("chat" or "thinking", needed), drop_thinking, reasoning_effort, add_default_bos_token, context.
// One line out for each line in, as it comes; a bad line gives {"error"}. Error(kIo) when `out` cannot be
// written.
void render_lines(const ChatLiterals& literals, const Tokenizer* tokenizer, std::istream& in,
                  std::ostream& out);

// {"completion", "thinking"} -> {"message"}: strictly, as the reference of this format parses.
void parse_lines(ChatDialect dialect, std::istream& in, std::ostream& out);

}  // namespace hadal
