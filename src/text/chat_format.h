// Conversations -> prompts: messages as JSON objects in the shape that the checkpoints' own encoders take
// (role, content, reasoning_content, tool_calls, tools, ...), rendered as those encoders render them, to the
// byte.
//
// A prompt carries the byte ranges of its control tokens (markup). Everything else is content, whatever it
// spells: tokenizer.encode_segments() never makes a control token of it. The formats side by side are in
// chat_dialect.h.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/literals.h"
#include "text/text_range.h"
#include "text/tokenizer.h"

namespace hadal {

struct ChatOptions {
  // "chat" or "thinking"; anything else is an error as soon as there is a message to render.
  std::string thinking_mode = "chat";
  // null: the format's default.
  Json reasoning_effort;
  // Leaves out the reasoning of turns before the last user turn (never when a message has tools).
  bool drop_thinking = true;
  // Not written either when there is a context.
  bool add_bos = true;
  // Where the mark of an image may stand in text, as text: messages that come without images.
  bool quotes_image_mark = false;
  // Messages already in the model's context: only what follows them is rendered.
  JsonArray context;
};

struct RenderedPrompt {
  std::string text;
  std::vector<TextRange> special_ranges;  // ascending, each exactly one control token
  // Records of the images in `messages`, in their order there (chat_blocks.h); results that change places in
  // the prompt take their images with them, but not the records.
  JsonArray images;
};

// Error(kUsage), naming the message, wherever the reference raises: an unknown role, task or effort, content
// that is not text, arguments that are JSON but no object; also for a text that has no UTF-8 form.
RenderedPrompt render_chat(const ChatLiterals& literals, const JsonArray& messages,
                           const ChatOptions& options);

// Error(kInvalidModel) for a tokenizer without a marker that every prompt of the format may need.
void check_markers(const Tokenizer& tokenizer, ChatDialect dialect);

// Error(kUsage) for a prompt with images: what runs a model has no pixels for them yet.
void refuse_images(const RenderedPrompt& prompt);

}  // namespace hadal
