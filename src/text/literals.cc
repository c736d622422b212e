#include "text/literals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "text/control_tokens.h"
#include "text/python_source.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// The names that decide the format, in the order in which they are looked for.
constexpr std::string_view kEffortPrompts = "REASONING_EFFORT_PROMPTS";    // V4 of 0731
constexpr std::string_view kEffortMax = "REASONING_EFFORT_MAX";            // V4 of April
constexpr std::string_view kEffortTemplate = "REASONING_EFFORT_TEMPLATE";  // V4.1
constexpr std::string_view kToolsSystem = "TOOLS_SYSTEM_TEMPLATE";         // V3.2
constexpr std::array kDecidingNames = {kEffortPrompts, kEffortMax, kEffortTemplate, kToolsSystem};

// What the published encoding files hold (spec deepseek-v4 section 8.2, deepseek-v4-0731 section 5.1,
// chat-family).
constexpr std::array<std::string_view, 10> kPublishedSha256 = {
    "f7a24f3b3050d4a83781e9b755b316aae2ec1d9dc87562541d90bcb04d7350f7",  // April's max, 0731's high
    "53fb31b8392ec5b4a926481943efc67636748f137c1a49d493a7af4d4fa55d2c",  // 0731's max
    "c7c9042638154a237b5d1bd48be772374a35a4d24c5cacfd1ffbd92703da329c",  // tools, before the descriptions
    "690702850fe256512cb1ee67c4e436ecb3e735c71ebee77ca45ff357a75fb5a7",  // tools, after them
    "5200f58413f49f3957c43beddbc97bead023232cb5934fad0c1997c30c139112",  // response format
    "148a3a36b8d0460f5cd7d6dd08c62906830063de941de1a4d24856131945a3de",  // V4.1's effort, before the number
    "9965cf68b4b08c8534271cfe58143adacc11bc7a3f92ab7d30061785c01307e5",  // V4.1's effort, after it
    "2ae2ff83edf990187ed419c4e2901bb9ea6ce2129eb503ac543b258e7de8231d",  // V4.1's tools, before
    "963a72ee9be43f07d21bec2348ed2d7e45185e4b502f2a4da35a540299dc2b03",  // V3.2's tools, before
    "18b2c321c9fc49fe12ac849075db574f9dceca04e22734c5fd49a7a9ba589184",  // V3.2's tools, after
};

// The assignments of one file, asked for by name.
class Source {
 public:
  Source(std::string_view content, std::string_view file)
      : file_(file), assignments_(read_python_assignments(content, file)) {}

  // Which names the tags have that templates speak of.
  void set_tags(const DsmlNames& names) { names_ = names; }

  bool defines(std::string_view name) const { return find(name) != nullptr; }

  const PythonAssignment& get(std::string_view name, PythonAssignment::Kind kind) const {
    const PythonAssignment* const found = find(name);
    if (found == nullptr)
      fail(ErrorCode::kInvalidModel, "{}: no {} at the top level; take the encoding file of a release whole",
           file_, name);
    if (found->kind != kind)
      fail(ErrorCode::kInvalidModel,
           "{}:{}: {} is not a plain {}; hadal reads this file and never executes it", file_, found->line,
           name,
           kind == PythonAssignment::Kind::kString       ? "string"
           : kind == PythonAssignment::Kind::kStringDict ? "dict of strings"
                                                         : "dict of whole numbers");
    return *found;
  }
  const std::string& string(std::string_view name) const {
    return get(name, PythonAssignment::Kind::kString).string;
  }

  TextTemplate text_template(std::string_view name, std::string_view value_name) const {
    const PythonAssignment& found = get(name, PythonAssignment::Kind::kString);
    TextTemplate pieces;
    const auto add_text = [&pieces](char c) {
      if (pieces.empty() || pieces.back().kind != TemplatePiece::Kind::kText)
        pieces.push_back({TemplatePiece::Kind::kText, ""});
      pieces.back().text += c;
    };
    const std::string_view text = found.string;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '{' && text[i] != '}') {
        add_text(text[i]);
      } else if (i + 1 < text.size() && text[i + 1] == text[i]) {
        add_text(text[i++]);
      } else {
        const size_t end = text.find('}', i);
        if (text[i] == '}' || end == std::string_view::npos)
          fail(ErrorCode::kInvalidModel, "{}:{}: {} has a single '{}'; a brace alone is written twice", file_,
               found.line, name, text[i]);
        pieces.push_back(placeholder(text.substr(i + 1, end - i - 1), value_name, found));
        i = end;
      }
    }
    return pieces;
  }

 private:
  const PythonAssignment* find(std::string_view name) const {
    const auto last = std::find_if(assignments_.rbegin(), assignments_.rend(),
                                   [&](const PythonAssignment& a) { return a.name == name; });
    return last == assignments_.rend() ? nullptr : &*last;
  }

  TemplatePiece placeholder(std::string_view name, std::string_view value_name,
                            const PythonAssignment& in) const {
    using Kind = TemplatePiece::Kind;
    if (name == value_name) return {Kind::kValue, ""};
    if (name == "dsml_token") return {Kind::kControlToken, std::string(kDsmlToken)};
    if (name == "thinking_start_token") return {Kind::kControlToken, std::string(kThinkToken)};
    if (name == "thinking_end_token") return {Kind::kControlToken, std::string(kEndThinkToken)};
    if (name == "tc_block_name") return {Kind::kText, std::string(names_.block)};
    if (name == "tool_call_tag_name") return {Kind::kText, std::string(names_.invoke)};
    if (name == "tool_parameter_tag_name") return {Kind::kText, std::string(names_.parameter)};
    fail(ErrorCode::kInvalidModel, "{}:{}: {} has the unknown placeholder {{{}}}", file_, in.line, in.name,
         name);
  }

  std::string_view file_;
  std::vector<PythonAssignment> assignments_;
  DsmlNames names_;
};

bool is_published(std::string_view text) {
  return std::ranges::find(kPublishedSha256, sha256_hex(text)) != kPublishedSha256.end();
}

// One line about where the words come from, so that a prompt that a model was not trained on is no riddle.
void log_source(const ChatLiterals& literals, std::string_view file) {
  std::vector<std::string> texts;
  for (const TextTemplate* const text : {&literals.tools, &literals.response_format, &literals.effort}) {
    texts.emplace_back();
    for (const TemplatePiece& piece : *text) {
      if (piece.kind == TemplatePiece::Kind::kValue) texts.emplace_back();
      texts.back() += piece.text;
    }
  }
  if (!traits_of(literals.dialect).counts_effort)
    for (const auto& [level, text] : literals.efforts) texts.push_back(text);
  const bool published =
      std::ranges::all_of(texts, [](const std::string& text) { return text.empty() || is_published(text); });
  log_info("chat format {} of {}{}", traits_of(literals.dialect).title, file,
           published ? ", as published" : "; its texts are not the published ones");
}

std::optional<ChatDialect> deciding_dialect(const Source& source) {
  if (source.defines(kEffortPrompts)) return ChatDialect::kV40731;
  if (source.defines(kEffortMax)) return ChatDialect::kV4Preview;
  if (source.defines(kEffortTemplate)) return ChatDialect::kV41;
  if (source.defines(kToolsSystem)) return ChatDialect::kV32;
  return std::nullopt;
}

void read_efforts(const Source& source, std::string_view file, ChatLiterals& literals) {
  using Kind = PythonAssignment::Kind;
  literals.effort = {{TemplatePiece::Kind::kValue, ""}};
  std::string_view levels = kEffortPrompts;
  switch (literals.dialect) {
    case ChatDialect::kV32:
      literals.effort.clear();
      return;
    case ChatDialect::kV4Preview:
      literals.efforts = {{"high", ""}, {"max", source.string(kEffortMax)}};
      return;
    case ChatDialect::kV40731:
      literals.efforts = source.get(levels, Kind::kStringDict).dict;
      break;
    case ChatDialect::kV41:
      levels = "REASONING_EFFORT_MAPPINGS";
      literals.effort = source.text_template(kEffortTemplate, "budget");
      literals.efforts = source.get(levels, Kind::kNumberDict).dict;
      break;
  }
  literals.default_effort = source.string("DEFAULT_REASONING_EFFORT");
  if (std::ranges::find(literals.efforts, *literals.default_effort, [](const auto& e) { return e.first; }) ==
      literals.efforts.end())
    fail(ErrorCode::kInvalidModel, "{}: DEFAULT_REASONING_EFFORT is \"{}\", which {} does not have", file,
         *literals.default_effort, levels);
}

bool mentions_a_deciding_name(std::string_view content) {
  return std::ranges::any_of(kDecidingNames,
                             [&](std::string_view name) { return content.find(name) != content.npos; });
}

// The Python files of a folder that may be encoding files, by name.
std::vector<std::string> candidates(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code size_error;
    if (entry->path().extension() == ".py" && entry->is_regular_file(size_error) &&
        entry->file_size(size_error) <= kMaxPythonSourceBytes)
      found.push_back(entry->path().string());
  }
  std::ranges::sort(found);
  return found;
}

std::optional<ChatLiterals> find_in_folder(const std::string& folder) {
  for (const fs::path& place : {fs::path(folder) / "encoding", fs::path(folder)}) {
    for (const std::string& file : candidates(place)) {
      const std::string content = read_file(file, kMaxPythonSourceBytes);
      if (!mentions_a_deciding_name(content)) continue;
      std::optional<ChatLiterals> literals = parse_chat_literals(content, file);
      if (!literals) continue;
      log_source(*literals, file);
      return literals;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ChatLiterals> parse_chat_literals(std::string_view content, std::string_view name) {
  Source source(content, name);
  const std::optional<ChatDialect> dialect = deciding_dialect(source);
  if (!dialect) return std::nullopt;
  ChatLiterals literals;
  literals.dialect = *dialect;
  source.set_tags(traits_of(*dialect).names);
  read_efforts(source, name, literals);
  literals.tools = source.text_template(
      *dialect == ChatDialect::kV32 ? kToolsSystem : std::string_view("TOOLS_TEMPLATE"), "tool_schemas");
  literals.response_format = source.text_template("response_format_template", "schema");
  return literals;
}

ChatLiterals load_chat_literals(const std::string& path, ChatDialect without_file) {
  if (is_directory(path)) {
    if (std::optional<ChatLiterals> literals = find_in_folder(path)) return *std::move(literals);
    log_info(
        "{}: no encoding file (encoding/*.py); tools, formats and efforts are described in hadal's own words",
        path);
    return own_chat_literals(without_file);
  }
  std::optional<ChatLiterals> literals = parse_chat_literals(read_file(path, kMaxPythonSourceBytes), path);
  if (!literals)
    fail(ErrorCode::kInvalidModel,
         "{}: defines none of {}; give the encoding file of a checkpoint, or its folder", path,
         fmt::join(kDecidingNames, ", "));
  log_source(*literals, path);
  return *std::move(literals);
}

}  // namespace hadal
