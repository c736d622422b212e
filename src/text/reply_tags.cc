#include "text/reply_tags.h"

#include <algorithm>

#include "base/utf8.h"

namespace hadal {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kStrictKeyStart = " name=\"";
constexpr std::string_view kStrictKeyEnd = "\" string=\"";

// What \s matches in a Python pattern over text.
bool is_python_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view without_python_space(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = next_utf8(text.data(), text.data() + text.size());
    if (c.status != Utf8Status::kValid || !is_python_space(c.code_point)) break;
    text.remove_prefix(c.size);
  }
  return text;
}

void skip_space(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
}
void drop_space_at_end(std::string_view& text) { text = text.substr(0, text.find_last_not_of(kSpace) + 1); }

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// NAME = , with spaces anywhere around.
bool skip_attribute_name(std::string_view& text, std::string_view name) {
  skip_space(text);
  if (!skip(text, name)) return false;
  skip_space(text);
  if (!skip(text, "=")) return false;
  skip_space(text);
  return true;
}

bool skip_ignoring_case(std::string_view& text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i)
    if ((text[i] | 0x20) != lower[i]) return false;
  text.remove_prefix(lower.size());
  return true;
}

std::string tag(std::string_view before, std::string_view name, std::string_view after = "") {
  return std::string(before).append(1, kSymbolDsml).append(name).append(after);
}

}  // namespace

ReplyTags::ReplyTags(const DsmlNames& names)
    : block(tag("<", names.block)),
      end_block(tag("</", names.block, ">")),
      invoke(tag("<", names.invoke)),
      end_invoke(tag("</", names.invoke)),
      parameter(tag("<", names.parameter)),
      end_parameter(tag("/", names.parameter)) {}

std::optional<std::string_view> strict_call_name(std::string_view header) {
  header = without_python_space(header);
  if (!skip(header, "name=\"")) return std::nullopt;
  // One more line end at the end is let through, as `$` does.
  if (header.ends_with("\">\n\n")) return header.substr(0, header.size() - 4);
  if (header.ends_with("\">\n")) return header.substr(0, header.size() - 3);
  return std::nullopt;
}

std::optional<std::string_view> relaxed_call_name(std::string_view header, bool ends_early) {
  if (!skip_attribute_name(header, "name")) return std::nullopt;
  drop_space_at_end(header);
  const bool is_closed = header.ends_with('>');
  if (is_closed) header.remove_suffix(1);
  drop_space_at_end(header);
  if (header.empty()) return std::nullopt;
  const char quote = header.front();
  if (quote != '"' && quote != '\'') return header;
  header.remove_prefix(1);
  if (header.ends_with(quote)) return header.substr(0, header.size() - 1);
  return ends_early && !is_closed ? std::optional(header) : std::nullopt;
}

std::optional<ParameterHeader> strict_parameter_header(std::string_view text, size_t from) {
  if (!text.starts_with(kStrictKeyStart)) return std::nullopt;
  for (size_t at = std::max(from, kStrictKeyStart.size()); (at = text.find(kStrictKeyEnd, at)) != text.npos;
       ++at) {
    std::string_view rest = text.substr(at + kStrictKeyEnd.size());
    const bool is_string = skip(rest, "true\">");
    if (is_string || skip(rest, "false\">"))
      return ParameterHeader{text.substr(kStrictKeyStart.size(), at - kStrictKeyStart.size()), is_string,
                             text.size() - rest.size()};
  }
  return std::nullopt;
}

std::optional<ParameterHeader> relaxed_parameter_header(std::string_view text) {
  std::string_view rest = text;
  ParameterHeader header;
  if (!skip_attribute_name(rest, "name") || rest.empty()) return std::nullopt;
  const char quote = rest.front();
  if (quote != '"' && quote != '\'') return std::nullopt;
  rest.remove_prefix(1);
  const size_t end = rest.find(quote);
  if (end == rest.npos) return std::nullopt;
  header.key = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (std::string_view attribute = rest; skip_attribute_name(attribute, "string")) {
    const bool is_quoted = skip(attribute, "\"") || skip(attribute, "'");
    header.is_string = skip_ignoring_case(attribute, "true");
    if (!header.is_string && !skip_ignoring_case(attribute, "false")) return std::nullopt;
    if (is_quoted && !skip(attribute, "\"") && !skip(attribute, "'")) return std::nullopt;
    rest = attribute;
  }
  skip_space(rest);
  if (!skip(rest, ">")) return std::nullopt;
  header.size = text.size() - rest.size();
  return header;
}

std::optional<std::string_view> without_tag_start(std::string_view value) {
  if (value.ends_with("<\n")) return value.substr(0, value.size() - 2);
  if (value.ends_with('<')) return value.substr(0, value.size() - 1);
  return std::nullopt;
}

size_t begun_at_end(std::string_view text, std::string_view marker) {
  for (size_t size = std::min(text.size(), marker.size() - 1); size > 0; --size)
    if (text.ends_with(marker.substr(0, size))) return size;
  return 0;
}

}  // namespace hadal
