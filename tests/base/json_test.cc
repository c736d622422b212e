#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hadal {
namespace {

// What Python prints of what it reads; "raises" when it does not read it.
std::string round_trip(std::string_view text) {
  const std::optional<Json> value = parse_json(text);
  return value ? dump_json(*value) : "raises";
}

std::string zeros(std::string before, size_t count, const char* after) {
  return before.append(count, '0').append(after);
}

TEST(Json, KeepsKeyOrderAndTheLastValueOfARepeatedKey) {
  EXPECT_EQ(round_trip(R"({"b":1,"a":[true,false,null],"b":{"c":"x"}})"),
            R"({"b": {"c": "x"}, "a": [true, false, null]})");
  std::string many = "{";
  std::string expected = "{";
  for (int i = 0; i < 100; ++i) {
    many += "\"k" + std::to_string(i % 50) + "\":" + std::to_string(i) + (i < 99 ? "," : "}");
    if (i < 50)
      expected += "\"k" + std::to_string(i) + "\": " + std::to_string(i + 50) + (i < 49 ? ", " : "}");
  }
  EXPECT_EQ(round_trip(many), expected);
}

TEST(Json, SpellsNumbersAsPython) {
  const std::pair<const char*, const char*> cases[] = {
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"0e5", "0.0"},
      {"12345678901234567890123", "12345678901234567890123"},
      {"-7", "-7"},
      {"1e21", "1e+21"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"123456789012345680.0", "1.2345678901234568e+17"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"1.5E-7", "1.5e-07"},
      {"-1.5e-10", "-1.5e-10"},
      {"100.0e-2", "1.0"},
      {"1E+2", "100.0"},
      {"123.456", "123.456"},
      {"0.000123", "0.000123"},
      {"9007199254740993.0", "9007199254740992.0"},
      {"1e22", "1e+22"},
      {"1e23", "1e+23"},
      {"5e-324", "5e-324"},
      {"2e-324", "0.0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"1e400", "Infinity"},
      {"-1e400", "-Infinity"},
      {"1e-400", "0.0"},
      {"-1e-400", "-0.0"},
      {"1e99999999999999999999", "Infinity"},
      {"-1e-99999999999999999999", "-0.0"},
      {"0e99999999999999999999", "0.0"},
      {"0.000e99999999999999999999", "0.0"},
      {"NaN", "NaN"},
      {"Infinity", "Infinity"},
      {"-Infinity", "-Infinity"},
      {"3.141592653589793238462643", "3.141592653589793"},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(round_trip(in), out) << in;
  // Too long to fit the exponent's part alone: the digits count too.
  EXPECT_EQ(round_trip(zeros("1", 400, ".0")), "Infinity");
  EXPECT_EQ(round_trip(zeros("0.", 400, "1")), "0.0");
  EXPECT_EQ(round_trip(zeros("1", 400, "e-400")), "1.0");
  EXPECT_EQ(round_trip(zeros("0.", 399, "1e400")), "1.0");
}

TEST(Json, RefusesIntegersThatPythonRefuses) {
  const std::string longest(kJsonMaxDigits, '2');
  EXPECT_EQ(round_trip(longest), longest);
  const std::string negative = std::string("-").append(longest);
  EXPECT_EQ(round_trip(negative), negative);
  EXPECT_EQ(round_trip(longest + "2"), "raises");
  EXPECT_NE(round_trip(longest + "2.0"), "raises");
}

TEST(Json, ReadsAndWritesStringsAsPython) {
  EXPECT_EQ(round_trip(R"("\u015f\u00e7 \ud83d\ude00 \n\t\"\\\/\b\f\r")"),
            "\"şç 😀 \\n\\t\\\"\\\\/\\b\\f\\r\"");
  EXPECT_EQ(round_trip("\"\\u0001\\u001F\\u007f\\u2028\""), "\"\\u0001\\u001f\x7f\xE2\x80\xA8\"");
  EXPECT_EQ(round_trip("\"\\u0000\""), "\"\\u0000\"");
  // Half of a surrogate pair stays what it is, also beside the other half in another spelling.
  EXPECT_EQ(round_trip(R"("\ud800")"), "\"\xED\xA0\x80\"");
  EXPECT_EQ(round_trip(R"("\ud83d\ud83d\ude00")"), "\"\xED\xA0\xBD😀\"");
  EXPECT_EQ(round_trip("\"\xED\xA0\xBD\\ude00\""), "\"\xED\xA0\xBD\xED\xB8\x80\"");
  EXPECT_EQ(round_trip(R"("\ude00\ud83d")"), "\"\xED\xB8\x80\xED\xA0\xBD\"");
}

TEST(Json, RefusesWhatPythonRefuses) {
  for (const std::string_view bad : {"",
                                     " ",
                                     "not json",
                                     "01",
                                     "1.",
                                     ".5",
                                     "+1",
                                     "-",
                                     "1e",
                                     "1e+",
                                     "[1,]",
                                     "[,1]",
                                     "{\"a\":1,}",
                                     "{a:1}",
                                     "{'a':1}",
                                     "{\"a\" 1}",
                                     "{\"a\":}",
                                     "[1 2]",
                                     "[1",
                                     "{\"a\":1",
                                     "\"a",
                                     "\"\\x\"",
                                     "\"\\u12\"",
                                     "\"\\u12g4\"",
                                     "\"\\",
                                     "\"\\ud83d\\u12\"",
                                     "\"\n\"",
                                     "\"a\x1f\"",
                                     "tru",
                                     "nan",
                                     "Inf",
                                     "-NaN",
                                     "{\"a\":1} x",
                                     "1 2",
                                     "// x\n1",
                                     "\v1",
                                     "\xEF\xBB\xBF{}",
                                     "\xC2\xA0 1",
                                     "[1}",
                                     "{\"a\":1]"})
    EXPECT_EQ(round_trip(bad), "raises") << bad;
  EXPECT_EQ(round_trip(std::string_view("1\0", 2)), "raises");
  JsonProblem problem;
  EXPECT_FALSE(parse_json("[1, x]", &problem));
  EXPECT_EQ(problem.offset, 4u);
  EXPECT_STREQ(problem.what, "no value");
}

TEST(Json, ReadsSpaceAndEmptyContainers) {
  EXPECT_EQ(round_trip(" \n\t{ \"a\" :\r\n1 , \"b\":[ ] , \"c\" : { } } \n"),
            R"({"a": 1, "b": [], "c": {}})");
}

TEST(Json, EndsAtTheDepthLimit) {
  const auto nested = [](int levels) {
    return std::string(static_cast<size_t>(levels), '[') + std::string(static_cast<size_t>(levels), ']');
  };
  EXPECT_EQ(round_trip(nested(kJsonMaxDepth)), nested(kJsonMaxDepth));
  EXPECT_EQ(round_trip(nested(kJsonMaxDepth + 1)), "raises");
  EXPECT_EQ(round_trip(std::string(1'000'000, '[')), "raises");
  const std::string beside = std::string("[").append(nested(kJsonMaxDepth - 1)).append(", ").append("[]]");
  EXPECT_EQ(round_trip(beside), beside);
}

TEST(Json, IsBuiltFromValues) {
  JsonObject object;
  object.set("n", 1);
  object.set("s", "x");
  object.set("n", -2.5);
  object.set("l", JsonArray{true, nullptr, std::numeric_limits<uint64_t>::max(), JsonInteger{"7"}});
  const Json value(std::move(object));
  EXPECT_EQ(dump_json(value), R"({"n": -2.5, "s": "x", "l": [true, null, 18446744073709551615, 7]})");
  EXPECT_EQ(*value.find("s")->string(), "x");
  EXPECT_EQ(value.find("t"), nullptr);
  EXPECT_EQ(Json(3).find("s"), nullptr);
}

}  // namespace
}  // namespace hadal
