// Training data as people have it -> documents, one at a time: plain text (a file is one document), and JSONL
// with one document a line, {"text"} or {"messages"}.
//
// Messages are rendered as the chat format renders them, and only what the assistant says is learned: from
// behind its header to its end token, reasoning and tool calls included. Files are streamed: memory is
// bounded by the largest document. Whatever is wrong is Error(kInvalidModel) naming the file and the line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "text/literals.h"
#include "text/text_range.h"

namespace hadal {

inline constexpr uint64_t kMaxDocumentBytes = uint64_t{256} << 20;

struct TrainingText {
  std::string text;                 // valid UTF-8
  std::vector<TextRange> specials;  // its control tokens, ascending; the rest is content
  std::vector<TextRange> learned;   // ascending; what the model shall learn to write
  bool is_chat = false;
};

// The documents of a file in their order; .jsonl means JSONL, any other name plain text. Empty texts and
// empty lines are passed over. Returns how many documents there were. A file with a longer line, or a longer
// plain text, than `limit_bytes` is refused.
//
// A line with "messages" may also have "thinking_mode" ("chat" or "thinking"; without it thinking where an
// assistant turn has reasoning_content) and "reasoning_effort".
uint64_t for_each_training_text(const std::string& path, const ChatLiterals& literals, uint64_t limit_bytes,
                                const std::function<void(const TrainingText&)>& take);

}  // namespace hadal
