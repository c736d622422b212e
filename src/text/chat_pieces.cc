#include "text/chat_pieces.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/printable.h"
#include "text/control_tokens.h"
#include "text/python_text.h"

namespace hadal {
namespace {

// The member of an object that the reference subscripts: anything else raises.
const Json& required(const Json& value, std::string_view key, const std::string& what) {
  const Json* const found = value.find(key);
  if (found == nullptr) fail(ErrorCode::kUsage, "{}: no \"{}\"", what, key);
  return *found;
}

const JsonArray& list_of(const Json& value, const std::string& what) {
  if (value.array() == nullptr) fail(ErrorCode::kUsage, "{}: not a list", what);
  return *value.array();
}

void write_parameter(std::string_view key, const Json& value, const DsmlNames& names, PromptWriter& out) {
  const std::string* const string = value.string();
  out.content("<");
  out.markup(kDsmlToken);
  out.content(names.parameter);
  out.content(" name=\"");
  out.content(key);
  out.content(string != nullptr ? "\" string=\"true\">" : "\" string=\"false\">");
  out.content(string != nullptr ? *string : dump_json(value));
  out.content("</");
  out.markup(kDsmlToken);
  out.content(names.parameter);
  out.content(">");
}

// Arguments are JSON in a string; what cannot be read is passed on as it is.
void write_parameters(const Json& arguments, const DsmlNames& names, const std::string& what,
                      PromptWriter& out) {
  const std::string* const text = arguments.string();
  const std::optional<Json> parsed = text != nullptr ? parse_json(*text) : std::nullopt;
  if (!parsed) return write_parameter("arguments", arguments, names, out);
  const JsonObject* const object = parsed->object();
  if (object == nullptr)
    fail(ErrorCode::kUsage, "{}: its arguments are JSON, but not an object: {}", what,
         in_quotes(text->substr(0, 40)));
  for (const JsonMember& member : object->members()) {
    if (&member != object->members().data()) out.content("\n");
    write_parameter(member.key, member.value, names, out);
  }
}

}  // namespace

void PromptWriter::markup(std::string_view token) {
  const auto begin = static_cast<int64_t>(prompt_.text.size());
  prompt_.text += token;
  prompt_.special_ranges.push_back({begin, static_cast<int64_t>(prompt_.text.size())});
}

void PromptWriter::fill(const TextTemplate& text, std::string_view value) {
  for (const TemplatePiece& piece : text) {
    switch (piece.kind) {
      case TemplatePiece::Kind::kText:
        content(piece.text);
        break;
      case TemplatePiece::Kind::kControlToken:
        markup(piece.text);
        break;
      case TemplatePiece::Kind::kValue:
        content(value);
        break;
    }
  }
}

void check_tool_calls(const Json* tool_calls, const std::string& place) {
  if (!python_truth(tool_calls)) return;
  for (const Json& call : list_of(*tool_calls, place + ": tool_calls")) {
    const Json& function = required(call, "function", place + ": a tool call");
    required(function, "name", place + ": a tool call's function");
    required(function, "arguments", place + ": a tool call's function");
  }
}

void write_tool_calls(const Json& tool_calls, const DsmlNames& names, const std::string& place,
                      PromptWriter& out) {
  const auto open = [&](std::string_view before, std::string_view name) {
    out.content(before);
    out.markup(kDsmlToken);
    out.content(name);
  };
  open("\n\n<", names.block);
  out.content(">");
  for (const Json& call : *tool_calls.array()) {
    const Json& function = *call.find("function");
    open("\n<", names.invoke);
    const std::string name = python_str(*function.find("name"));
    const std::string what = fmt::format("{}: the call of {}", place, name);
    out.content(" name=\"");
    out.content(name);
    out.content("\">\n");
    write_parameters(*function.find("arguments"), names, what, out);
    open("\n</", names.invoke);
    out.content(">");
  }
  open("\n</", names.block);
  out.content(">");
}

void check_tools(const Json* tools, const std::string& place) {
  if (!python_truth(tools)) return;
  for (const Json& tool : list_of(*tools, place + ": tools")) required(tool, "function", place + ": a tool");
}

void write_tools(const Json* tools, const ChatLiterals& literals, PromptWriter& out) {
  if (!python_truth(tools)) return;
  std::string lines;
  for (const Json& tool : *tools->array()) {
    if (!lines.empty()) lines += '\n';
    lines += dump_json(*tool.find("function"));
  }
  out.content("\n\n");
  out.fill(literals.tools, lines);
}

void write_response_format(const Json* format, const ChatLiterals& literals, PromptWriter& out) {
  if (!python_truth(format)) return;
  out.content("\n\n");
  out.fill(literals.response_format, dump_json(*format));
}

}  // namespace hadal
