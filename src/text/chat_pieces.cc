#include "text/chat_pieces.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/printable.h"
#include "text/control_tokens.h"
#include "text/python_text.h"
#include "text/tool_namespaces.h"

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

// The arguments as an object. Nothing: `arguments` as they are make up one parameter.
std::optional<Json> argument_object(const Json& arguments, ArgumentsRule rule, const std::string& what) {
  const std::string* const text = arguments.string();
  std::optional<Json> parsed = text != nullptr ? parse_json(*text) : std::nullopt;
  if (rule == ArgumentsRule::kWrapAll) {
    if (arguments.object() != nullptr) return arguments;
    if (parsed && parsed->string() != nullptr) parsed = parse_json(std::string(*parsed->string()));
    return parsed && parsed->object() != nullptr ? parsed : std::nullopt;
  }
  if (!parsed && rule == ArgumentsRule::kRefuse)
    fail(ErrorCode::kUsage, "{}: its arguments are not JSON in a string", what);
  if (parsed && parsed->object() == nullptr)
    fail(ErrorCode::kUsage, "{}: its arguments are JSON, but not an object: {}", what,
         in_quotes(text->substr(0, 40)));
  return parsed;
}

void write_parameters(const Json& arguments, const ChatTraits& traits, const std::string& what,
                      PromptWriter& out) {
  const std::optional<Json> parsed = argument_object(arguments, traits.arguments, what);
  if (!parsed) return write_parameter("arguments", arguments, traits.names, out);
  for (const JsonMember& member : parsed->object()->members()) {
    if (&member != parsed->object()->members().data()) out.content("\n");
    write_parameter(member.key, member.value, traits.names, out);
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

void check_tool_calls(const Json* tool_calls, const ChatTraits& traits, const std::string& place) {
  if (!python_truth(tool_calls)) return;
  for (const Json& call : list_of(*tool_calls, place + ": tool_calls")) {
    const Json& function = required(call, "function", place + ": a tool call");
    required(function, "name", place + ": a tool call's function");
    required(function, "arguments", place + ": a tool call's function");
    if (traits.has_namespaces) namespaced_call_name(call, place + ": a tool call");
  }
}

void write_tool_calls(const Json& tool_calls, const ChatTraits& traits, const std::string& place,
                      PromptWriter& out) {
  const DsmlNames& names = traits.names;
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
    const std::string name =
        traits.has_namespaces ? namespaced_call_name(call, place) : python_str(*function.find("name"));
    const std::string what = fmt::format("{}: the call of {}", place, name);
    out.content(" name=\"");
    out.content(name);
    out.content("\">\n");
    write_parameters(*function.find("arguments"), traits, what, out);
    open("\n</", names.invoke);
    out.content(">");
  }
  open("\n</", names.block);
  out.content(">");
}

void check_tools(const Json* tools, const ChatTraits& traits, const std::string& place) {
  if (!python_truth(tools)) return;
  for (const Json& tool : list_of(*tools, place + ": tools")) {
    required(tool, "function", place + ": a tool");
    if (traits.has_namespaces) namespaced_function(tool, place + ": a tool");
  }
}

void write_tools(const Json* tools, const ChatLiterals& literals, PromptWriter& out) {
  if (!python_truth(tools)) return;
  const bool has_namespaces = traits_of(literals.dialect).has_namespaces;
  std::string lines;
  for (const Json& tool : *tools->array()) {
    if (!lines.empty()) lines += '\n';
    lines += dump_json(has_namespaces ? namespaced_function(tool, "a tool") : *tool.find("function"));
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
