#include "text/literals.h"

#include <filesystem>
#include <fstream>

#include "chat_cases.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

std::string shown(const TextTemplate& text) {
  std::string out;
  for (const TemplatePiece& piece : text)
    out += piece.kind == TemplatePiece::Kind::kValue          ? "[VALUE]"
           : piece.kind == TemplatePiece::Kind::kControlToken ? "[" + piece.text + "]"
                                                              : piece.text;
  return out;
}

TEST(Literals, OfAprilAnd0731) {
  const ChatLiterals april = load_chat_literals(own_chat_case("encoding_preview.py"));
  EXPECT_EQ(april.dialect, ChatDialect::kV4Preview);
  EXPECT_EQ(shown(april.tools),
            "## Tools\nWrite <[｜DSML｜]tool_calls> with {braces} joined, after "
            "[<think>]...[</think>].\n\n[VALUE]\n\nThe end.\n");
  EXPECT_EQ(shown(april.response_format), "## Shape\n\nOne object, written as {\"key\": value}:\n[VALUE]");
  EXPECT_EQ(april.efforts.at(1), std::pair(std::string("max"), std::string("Effort: all—of it\n\\raw\n\n")));
  EXPECT_FALSE(april.default_effort);
  const ChatLiterals later = load_chat_literals(own_chat_case("encoding_0731.py"));
  EXPECT_EQ(later.dialect, ChatDialect::kV40731);
  EXPECT_EQ(later.efforts.at(1), std::pair(std::string("high"), std::string("Effort: higher\n\n")));
  EXPECT_EQ(later.default_effort, "low");
}

std::string error_of(const std::string& source) {
  try {
    return parse_chat_literals(source, "test.py") ? "none" : "not an encoding file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    return error.what();
  }
}

TEST(Literals, ErrorsNameFileAndLiteral) {
  const std::string tail = "\nresponse_format_template = '{schema}'\n";
  const std::string april = "REASONING_EFFORT_MAX = ''" + tail;
  EXPECT_EQ(error_of(april + "TOOLS_TEMPLATE = ''"), "none");
  EXPECT_EQ(error_of("TOOLS_TEMPLATE = ''"), "not an encoding file");
  EXPECT_EQ(error_of(april),
            "test.py: no TOOLS_TEMPLATE at the top level; take the encoding file of a release whole");
  EXPECT_EQ(error_of(april + "TOOLS_TEMPLATE = 'a' + 'b'"),
            "test.py:3: TOOLS_TEMPLATE is not a plain string; hadal reads this file and never executes it");
  EXPECT_EQ(error_of(april + "TOOLS_TEMPLATE = '{schema}'"),
            "test.py:3: TOOLS_TEMPLATE has the unknown placeholder {schema}");
  EXPECT_EQ(error_of(april + "TOOLS_TEMPLATE = '{tool_schemas!r}'"),
            "test.py:3: TOOLS_TEMPLATE has the unknown placeholder {tool_schemas!r}");
  for (const char* const bad : {"{", "}", "{{}", "{tool_schemas", "a}b"})
    EXPECT_EQ(error_of(april + "TOOLS_TEMPLATE = '" + bad + "'").substr(0, 36),
              "test.py:3: TOOLS_TEMPLATE has a sing")
        << bad;
  EXPECT_EQ(error_of("REASONING_EFFORT_PROMPTS = 'a'"),
            "test.py:1: REASONING_EFFORT_PROMPTS is not a plain dict of strings; hadal reads this file and "
            "never executes it");
  EXPECT_EQ(error_of("REASONING_EFFORT_PROMPTS = {'a': ''}\nDEFAULT_REASONING_EFFORT = 'b'"),
            "test.py: DEFAULT_REASONING_EFFORT is \"b\", which REASONING_EFFORT_PROMPTS does not have");
  EXPECT_EQ(
      error_of("REASONING_EFFORT_TEMPLATE = ''\nREASONING_EFFORT_MAPPINGS = {'high': '75'}"),
      "test.py:2: REASONING_EFFORT_MAPPINGS is not a plain dict of whole numbers; hadal reads this file and "
      "never executes it");
  EXPECT_EQ(
      error_of("TOOLS_SYSTEM_TEMPLATE = ''"),
      "test.py: no response_format_template at the top level; take the encoding file of a release whole");
}

TEST(Literals, TagsInTemplatesHaveTheNamesOfTheFormat) {
  const std::optional<ChatLiterals> literals = parse_chat_literals(
      "REASONING_EFFORT_TEMPLATE = 'E {budget}!'\nREASONING_EFFORT_MAPPINGS = {'a': 7, 'b': 8}\n"
      "DEFAULT_REASONING_EFFORT = 'b'\nresponse_format_template = '{schema}'\n"
      "TOOLS_TEMPLATE = '{tc_block_name}|{tool_call_tag_name}|{tool_parameter_tag_name}|{tool_schemas}'",
      "test.py");
  ASSERT_TRUE(literals);
  EXPECT_EQ(shown(literals->tools), " calls| invoke| parameter|[VALUE]");
  EXPECT_EQ(shown(literals->effort), "E [VALUE]!");
  EXPECT_EQ(literals->efforts.at(1), std::pair(std::string("b"), std::string("8")));
}

TEST(Literals, SharedStandIns) {
  HADAL_NEED_SHARED("golden/chat/placeholder_encoding.py");
  const ChatLiterals april = load_chat_literals(shared_path("golden/chat/placeholder_encoding.py"));
  EXPECT_EQ(shown(april.tools), "⟦TOOLS_HEAD⟧[VALUE]⟦TOOLS_TAIL⟧");
  EXPECT_EQ(april.efforts.at(1).second, "⟦EFFORT_MAX⟧");
  const ChatLiterals later = load_chat_literals(shared_path("golden/chat/v4-0731/placeholder_encoding.py"));
  EXPECT_EQ(later.efforts.at(1).second, "⟦EFFORT_HIGH⟧");
  EXPECT_EQ(later.efforts.at(2).second, "⟦EFFORT_MAX⟧");
  const ChatLiterals v41 = load_chat_literals(shared_path("golden/chat/v41/placeholder_encoding.py"));
  EXPECT_EQ(v41.dialect, ChatDialect::kV41);
  EXPECT_EQ(shown(v41.effort), "⟦EFFORT_HEAD⟧[VALUE]⟦EFFORT_TAIL⟧");
  EXPECT_EQ(v41.efforts.at(0), std::pair(std::string("low"), std::string("50")));
  const ChatLiterals v32 = load_chat_literals(shared_path("golden/chat/v32/placeholder_encoding.py"));
  EXPECT_EQ(v32.dialect, ChatDialect::kV32);
  EXPECT_EQ(shown(v32.tools), "⟦TOOLS_HEAD⟧[VALUE]⟦TOOLS_TAIL⟧");
}

class ModelFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("hadal_literals_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_ / "encoding");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name) << content;
  }
  ChatLiterals load() const { return load_chat_literals(folder_.string()); }

  std::filesystem::path folder_;
};

TEST_F(ModelFolder, FileOfAnyNameIsFound) {
  const std::string source = read_file(own_chat_case("encoding_0731.py"), 1 << 20);
  write("encoding/a_test.py", "from z import REASONING_EFFORT_MAX\nREASONING = 1");
  write("encoding/broken.py", "x = '");  // names nothing that decides
  write("encoding/z.py", source);
  write("model.py", "REASONING_EFFORT_MAX = 'not looked at: encoding/ comes first'");
  EXPECT_EQ(load().dialect, ChatDialect::kV40731);
  std::filesystem::remove(folder_ / "encoding/z.py");
  EXPECT_THROW(load(), Error);  // model.py has no TOOLS_TEMPLATE
  write("model.py", source);
  EXPECT_EQ(load().dialect, ChatDialect::kV40731);
}

TEST_F(ModelFolder, WithoutAFileTheWordsAreOurs) {
  EXPECT_EQ(shown(load().tools), shown(own_chat_literals(ChatDialect::kV4Preview).tools));
  EXPECT_EQ(load_chat_literals(folder_.string(), ChatDialect::kV41).dialect, ChatDialect::kV41);
  write("encoding/cut.py", "REASONING_EFFORT_MAX = 'a");
  EXPECT_THROW(load(), Error);  // and never when there is one that is broken
}

}  // namespace
}  // namespace hadal
