// The tags of tool calls in a reply (reply_symbols.h: the DSML token is one byte), and what stands between
// their names and their ends. Strict is the reference's pattern; relaxed takes what was clearly meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/chat_dialect.h"
#include "text/reply_symbols.h"

namespace hadal {

struct ReplyTags {
  explicit ReplyTags(const DsmlNames& names);

  std::string block;
  std::string end_block;
  std::string invoke;
  std::string end_invoke;
  std::string parameter;
  // As the reference looks for it: the "<" before it belongs to what it ends.
  std::string end_parameter;
};

// The name in what follows ReplyTags::invoke up to the next tag: white space, name="NAME">, one or two line
// ends.
std::optional<std::string_view> strict_call_name(std::string_view header);
// Any quotes or none, any spacing. A header that `ends_early` may stop inside the name.
std::optional<std::string_view> relaxed_call_name(std::string_view header, bool ends_early);

struct ParameterHeader {
  std::string_view key;
  bool is_string = true;
  size_t size = 0;  // the value follows
};

// At the start of what follows ReplyTags::parameter: ` name="KEY" string="true|false">`, the shortest KEY.
// Nothing also when it is not whole yet. Looks for its end from `from` on.
std::optional<ParameterHeader> strict_parameter_header(std::string_view text, size_t from);
// Any quotes, any spacing, any case of true and false; without them the value is a string.
std::optional<ParameterHeader> relaxed_parameter_header(std::string_view text);

// The value without the "<" (and perhaps a line end) that belongs to the end tag after it; nothing when there
// is none.
std::optional<std::string_view> without_tag_start(std::string_view value);

// How many bytes at the end of `text` are the beginning of `marker`, all of it excluded.
size_t begun_at_end(std::string_view text, std::string_view marker);

}  // namespace hadal
