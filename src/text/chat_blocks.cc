#include "text/chat_blocks.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/error.h"
#include "text/python_text.h"

namespace hadal {
namespace {

bool is_text(const Json* value, std::string_view text) {
  return value != nullptr && value->string() != nullptr && *value->string() == text;
}

void refuse_mark(const Json* text, const std::string& place) {
  if (text != nullptr && text->string() != nullptr && text->string()->find(kImageMark) != std::string::npos)
    fail(ErrorCode::kUsage, "{}: text must not hold {}, which stands for an image", place, kImageMark);
}

JsonObject image_record(const Json& block, const std::string& place) {
  JsonObject record;
  record.set("type", "image");
  if (is_text(block.find("type"), "image_url")) {
    const Json* url = block.find("image_url");
    if (url != nullptr && url->object() != nullptr) url = url->find("url");
    if (python_truth(url)) record.set("url", *url);
  } else {
    for (const char* const key : {"source", "url", "data"})
      if (const Json* const value = block.find(key); python_truth(value)) record.set(key, *value);
  }
  if (record.members().size() == 1) fail(ErrorCode::kUsage, "{}: an image without a source", place);
  return record;
}

JsonArray read_blocks(const JsonArray& blocks, const std::string& place, JsonArray& images) {
  JsonArray read;
  for (const Json& block : blocks) {
    if (block.object() == nullptr) fail(ErrorCode::kUsage, "{}: a part of its content is no object", place);
    const Json* const type = block.find("type");
    JsonObject changed = *block.object();
    if (is_text(type, "image") || is_text(type, "image_url")) {
      images.emplace_back(image_record(block, place));
      changed = JsonObject();
      changed.set("type", "text");
      changed.set("text", kImageMark);
    } else if (is_text(type, "text")) {
      refuse_mark(block.find("text"), place);
    } else if (const Json* const content = block.find("content");
               is_text(type, "tool_result") && content != nullptr && content->array() != nullptr) {
      changed.set("content", read_blocks(*content->array(), place, images));
    }
    read.emplace_back(std::move(changed));
  }
  return read;
}

std::string text_of(const JsonArray& blocks, const std::string& place) {
  std::string text;
  bool any = false;
  for (const Json& block : blocks) {
    if (!is_text(block.find("type"), "text")) continue;
    if (std::exchange(any, true)) text += "\n\n";
    const Json* const part = block.find("text");
    if (part == nullptr) continue;
    if (part->string() == nullptr) fail(ErrorCode::kUsage, "{}: content is not text", place);
    text += *part->string();
  }
  return text;
}

}  // namespace

JsonArray with_blocks(const JsonArray& messages, const std::string& place, JsonArray& images) {
  JsonArray read;
  read.reserve(messages.size());
  for (const Json& message : messages) {
    const std::string at = fmt::format("{}[{}]", place, &message - messages.data());
    if (message.object() == nullptr) fail(ErrorCode::kUsage, "{}: not an object", at);
    const Json* const content = message.find("content");
    refuse_mark(content, at);
    refuse_mark(message.find("reasoning_content"), at);
    const Json* blocks = message.find("content_blocks");
    if (!python_truth(blocks)) blocks = content;
    if (blocks == nullptr || blocks->array() == nullptr) {
      read.push_back(message);
      continue;
    }
    JsonArray read_ones = read_blocks(*blocks->array(), at, images);
    JsonObject changed = *message.object();
    if (content == nullptr || content->string() == nullptr) changed.set("content", text_of(read_ones, at));
    changed.set("content_blocks", std::move(read_ones));
    read.emplace_back(std::move(changed));
  }
  return read;
}

}  // namespace hadal
