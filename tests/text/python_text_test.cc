#include "text/python_text.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

std::string shown(std::string_view json) { return python_str(parse_json(json).value_or(Json())); }

bool truth(std::string_view json) {
  const Json value = parse_json(json).value_or(Json());
  return python_truth(&value);
}

TEST(PythonText, ShowsValuesAsPython) {
  const std::pair<const char*, const char*> cases[] = {
      {"null", "None"},
      {"true", "True"},
      {"-0", "0"},
      {"1e16", "1e+16"},
      {"NaN", "nan"},
      {"-1e400", "-inf"},
      {R"("it's")", "it's"},
      {R"(["it's", "a", "\"'", "\""])", R"(["it's", 'a', '"\'', '"'])"},
      {R"({"k": [1.50, null, {}], "": []})", "{'k': [1.5, None, {}], '': []}"},
      {R"(["\u0000\n\r\t\\\u001f\u007f é\u0080\u00a0\u00ad 漢\u3000\u200b\u2028😀"])",
       R"(['\x00\n\r\t\\\x1f\x7f é\x80\xa0\xad 漢\u3000\u200b\u2028😀'])"},
      {R"(["\ud800", "\udbff\udfff"])", R"(['\ud800', '\U0010ffff'])"},
  };
  for (const auto& [json, text] : cases) EXPECT_EQ(shown(json), text) << json;
}

TEST(PythonText, KnowsWhatIsTrue) {
  EXPECT_FALSE(python_truth(nullptr));
  for (const char* const json : {"null", "false", "0", "-0", "0.0", "-0.0", "\"\"", "[]", "{}"})
    EXPECT_FALSE(truth(json)) << json;
  for (const char* const json : {"true", "1", "1e-300", "NaN", "\"0\"", "[0]", "{\"\": 0}"})
    EXPECT_TRUE(truth(json)) << json;
}

TEST(PythonText, KnowsWhichKeysAreOne) {
  const auto key = [](std::string_view json) { return python_dict_key(parse_json(json).value_or(Json())); };
  EXPECT_EQ(key("1"), key("1.0"));
  EXPECT_EQ(key("1"), key("true"));
  EXPECT_EQ(key("0"), key("-0.0"));
  EXPECT_EQ(key("100000000000000000000"), key("1e20"));
  EXPECT_NE(key("1"), key("\"1\""));
  EXPECT_NE(key("null"), key("\"None\""));
  EXPECT_NE(key("1.5"), key("1"));
  EXPECT_EQ(key("[]"), std::nullopt);
  EXPECT_EQ(key("{}"), std::nullopt);
}

}  // namespace
}  // namespace hadal
