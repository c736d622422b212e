#include "tools/skill_checks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "tools/eval_skills.h"

namespace hadal {
namespace {

const std::string kEnd = "<｜end▁of▁sentence｜>";

SkillVerdict judged(const char* check, const std::string& text, bool thinking = false) {
  return judge_reply(parse_json(check).value_or(Json()), text + kEnd, thinking);
}

TEST(SkillChecks, Number) {
  const char* const check = R"({"type": "number", "value": -275})";
  EXPECT_TRUE(judged(check, "1 + 2\nSo -275.</think>23 - 298 = -275.", true).right);
  EXPECT_FALSE(judged(check, "23 - 298 = 275.").right);
  EXPECT_TRUE(judged(R"({"type": "number", "value": 475})", "347 + 128 = 475").right);
  EXPECT_TRUE(judged(R"({"type": "number", "value": 475})", "347+128 is 475 (I think)").right);
  EXPECT_FALSE(judged(R"({"type": "number", "value": 475})", "475 is near 47").right);
  EXPECT_FALSE(judged(R"({"type": "number", "value": 475})", "").right);
}

TEST(SkillChecks, Keywords) {
  const char* const check = R"({"type": "keywords", "all": [["a", "b"], ["c"]]})";
  EXPECT_TRUE(judged(check, "b c").right);
  EXPECT_FALSE(judged(check, "a b").right);
  EXPECT_FALSE(judged(R"({"type": "keywords", "all": [["4"]]})", "14 days").right);
  EXPECT_TRUE(judged(R"({"type": "keywords", "all": [["4"]]})", "14 - 10 = 4 days").right);
  // What is only thought is not said.
  EXPECT_FALSE(judged(check, "b c</think>b", true).right);
}

std::string call(const std::string& name, const std::string& city) {
  return "<｜DSML｜invoke name=\"" + name + "\">\n<｜DSML｜parameter name=\"city\" string=\"true\">" + city +
         "</｜DSML｜parameter>\n</｜DSML｜invoke>\n";
}
std::string calls(const std::string& inside) {
  return "\n\n<｜DSML｜tool_calls>\n" + inside + "</｜DSML｜tool_calls>";
}

TEST(SkillChecks, ToolCalls) {
  const char* const check =
      R"({"type": "tool_calls", "calls": [{"name": "w", "arguments": {"city": "Van"}}, {"name": "w", "arguments": {"city": "Bolu"}}]})";
  EXPECT_TRUE(judged(check, calls(call("w", "Bolu") + call("w", "Van"))).right);
  EXPECT_FALSE(judged(check, calls(call("w", "Van") + call("w", "Van"))).right);
  const SkillVerdict one = judged(check, calls(call("w", "Van")));
  EXPECT_TRUE(one.well_formed);
  EXPECT_FALSE(one.right);
  const SkillVerdict broken = judged(check, "\n\n<｜DSML｜tool_calls>\n" + call("w", "Van"));
  EXPECT_FALSE(broken.well_formed);
  EXPECT_FALSE(broken.right);
}

TEST(SkillChecks, NoCall) {
  EXPECT_TRUE(judged(R"({"type": "no_call"})", "For which city?").right);
  EXPECT_FALSE(judged(R"({"type": "no_call"})", calls(call("w", "Van"))).right);
}

TEST(SkillChecks, Schema) {
  const char* const check =
      R"({"type": "json_schema", "value": {"age": 31, "name": "Elif"}, "schema": {"type": "object", "properties":)"
      R"({"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}})";
  EXPECT_TRUE(judged(check, R"({"name": "Elif", "age": 31})").right);
  const SkillVerdict other = judged(check, R"({"name": "Elif", "age": 30})");
  EXPECT_TRUE(other.well_formed);
  EXPECT_FALSE(other.right);
  EXPECT_FALSE(judged(check, R"({"name": "Elif", "age": "31"})").well_formed);
  EXPECT_FALSE(judged(check, R"({"name": "Elif"})").well_formed);
  EXPECT_FALSE(judged(check, R"(Here: {"name": "Elif", "age": 31})").well_formed);
}

TEST(SkillChecks, RefusesUnknownChecks) {
  EXPECT_THROW(judged(R"({"type": "nonsense"})", "a"), Error);
  EXPECT_THROW(judged(R"({"type": "number"})", "a"), Error);
  EXPECT_THROW(judged(R"([])", "a"), Error);
}

TEST(SkillChecks, Repetition) {
  EXPECT_FALSE(repeats_itself(""));
  EXPECT_FALSE(repeats_itself("ha ha ha, that was a good one, and now to something else entirely"));
  EXPECT_TRUE(repeats_itself("no no no no no no no no no no no no"));
  EXPECT_TRUE(repeats_itself("Well: I like to walk. I like to walk. I like to walk. I like"));
  EXPECT_FALSE(repeats_itself(
      "8 + 4 + 0 = 12: write 2, carry 1\n4 + 1 + 1 = 6: write 6, carry 0\n6 + 2 + 0 = 8: write 8, carry 0"));
  std::string far;
  for (int i = 0; i < 4; ++i)
    far += "the fox went over the hill to see " + std::to_string(i) + " other word here ";
  EXPECT_TRUE(repeats_itself(far));
}

TEST(EvalSkills, ReadsCasesAndNamesBadLines) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("hadal_cases_" + std::to_string(getpid()))).string();
  const std::string good =
      R"({"skill": "a", "language": "en", "thinking_mode": "chat", "messages": [], "check": {"type": "free"}})";
  const auto refusal = [&](const std::string& content) -> std::string {
    std::ofstream(path) << content;
    try {
      read_skill_cases(path, 0);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(good + "\n" + good + "\n"), "");
  EXPECT_EQ(read_skill_cases(path, 0).size(), 2u);
  EXPECT_EQ(read_skill_cases(path, 1).size(), 1u);
  EXPECT_NE(refusal(good + "\n{\n").find(":2: no text \"skill\""), std::string::npos);
  EXPECT_NE(
      refusal(R"({"skill": "a", "language": "en", "thinking_mode": "chat"})").find(":1: no \"messages\""),
      std::string::npos);
  EXPECT_NE(refusal("").find("no case"), std::string::npos);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace hadal
