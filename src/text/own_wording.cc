// What a model without an encoding file is told: hadal's own sentences. No model was trained on them; they
// describe the same markup as the published ones, which the reply parser reads.
#include <utility>

#include "text/control_tokens.h"
#include "text/literals.h"

namespace hadal {
namespace {

using Kind = TemplatePiece::Kind;

TextTemplate own_tools(const DsmlNames& names) {
  const TemplatePiece dsml{Kind::kControlToken, std::string(kDsmlToken)};
  const auto text = [](std::string words) { return TemplatePiece{Kind::kText, std::move(words)}; };
  const std::string block(names.block);
  const std::string invoke(names.invoke);
  const std::string parameter(names.parameter);
  return {
      text("## Tools\n\nYou can call the tools that are listed below. A call is written like this:\n\n<"),
      dsml,
      text(block + ">\n<"),
      dsml,
      text(invoke + " name=\"TOOL\">\n<"),
      dsml,
      text(parameter + " name=\"PARAMETER\" string=\"true|false\">VALUE</"),
      dsml,
      text(parameter + ">\n</"),
      dsml,
      text(invoke + ">\n</"),
      dsml,
      text(
          block +
          ">\n\n"
          "Several calls go into one block, one after the other; a call has a line for each of its "
          "parameters. "
          "Text stands as it is and is marked string=\"true\". Numbers, true, false, null, lists and objects "
          "are JSON and are marked string=\"false\". Thoughts come before the block and end with "),
      {Kind::kControlToken, std::string(kEndThinkToken)},
      text(". Nothing comes after the block.\n\nThe tools, one JSON object a line:\n\n"),
      {Kind::kValue, ""},
      text("\n\nCall no tool that is not in this list.\n"),
  };
}

}  // namespace

ChatLiterals own_chat_literals(ChatDialect dialect) {
  ChatLiterals literals;
  literals.dialect = dialect;
  literals.tools = own_tools(traits_of(dialect).names);
  literals.response_format = {
      {Kind::kText, "## Answer format\n\nThe answer is JSON and nothing else. It fits this description:\n"},
      {Kind::kValue, ""},
  };
  const std::string max =
      "Effort: as much as it takes. Take the problem apart, try more than one way, look for cases that break "
      "the "
      "result, and write every step down before you answer.\n\n";
  literals.effort = {{Kind::kValue, ""}};
  switch (dialect) {
    case ChatDialect::kV4Preview:
      literals.efforts = {{"high", ""}, {"max", max}};
      break;
    case ChatDialect::kV40731:
      literals.efforts = {
          {"low", ""},
          {"high", "Effort: thorough. Think step by step and check the result before you answer.\n\n"},
          {"max", max}};
      literals.default_effort = "low";
      break;
    case ChatDialect::kV41:
      literals.effort = {{Kind::kText, "Effort: "}, {Kind::kValue, ""}, {Kind::kText, " of 100.\n\n"}};
      literals.efforts = {{"low", "50"}, {"high", "75"}, {"max", "100"}};
      literals.default_effort = "high";
      break;
    case ChatDialect::kV32:
      literals.effort.clear();
      break;
  }
  return literals;
}

}  // namespace hadal
