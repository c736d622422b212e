#include "text/chat_format.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/chat_blocks.h"
#include "text/chat_renderer.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

RenderedPrompt render_with_blocks(const ChatLiterals& literals, const JsonArray& messages,
                                  const ChatOptions& options) {
  JsonArray images;
  JsonArray images_of_context;
  const JsonArray context = with_blocks(options.context, "context", images_of_context);
  RenderedPrompt prompt =
      render_messages(literals, with_blocks(messages, "messages", images), context, options);
  prompt.images = std::move(images);
  return prompt;
}

}  // namespace

RenderedPrompt render_chat(const ChatLiterals& literals, const JsonArray& messages,
                           const ChatOptions& options) {
  RenderedPrompt prompt = traits_of(literals.dialect).has_blocks && !options.quotes_image_mark
                              ? render_with_blocks(literals, messages, options)
                              : render_messages(literals, messages, options.context, options);
  if (!is_valid_utf8(prompt.text))
    fail(ErrorCode::kUsage, "the messages hold half of a surrogate pair, which UTF-8 cannot express");
  return prompt;
}

void check_markers(const Tokenizer& tokenizer, ChatDialect dialect) {
  const ChatTraits& traits = traits_of(dialect);
  if (traits.marks_system && !tokenizer.find_added(kSystemToken))
    fail(
        ErrorCode::kInvalidModel,
        "the tokenizer has no token {}, which prompts of {} need; take the tokenizer.json of a {} checkpoint",
        kSystemToken, traits.title, traits.title);
}

void refuse_images(const RenderedPrompt& prompt) {
  if (!prompt.images.empty())
    fail(ErrorCode::kUsage, "this conversation has images, and hadal cannot read images yet");
}

}  // namespace hadal
