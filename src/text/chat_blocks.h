// Content as a list of blocks, as V4.1 takes it: before anything else each list becomes text, and images
// become a mark in the text and a record beside it.
//
// Not here: what blocks of a user turn look like in the prompt (chat_turns.h, chat_renderer.cc), and the
// pixels.
#pragma once

#include <string>

#include "base/json.h"

namespace hadal {

inline constexpr std::string_view kImageMark = "<｜deepseek_image｜>";

// The messages with text in place of lists: "content" is the text of the blocks, "content_blocks" the blocks
// themselves. `images` gets a record for each image, in the order of the messages: {type: image} with url,
// source or data. Error(kUsage) for an image without a source, and for text that holds the mark.
JsonArray with_blocks(const JsonArray& messages, const std::string& place, JsonArray& images);

}  // namespace hadal
