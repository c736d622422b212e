// Grammars that want too much: each is compiled or refused within the budget, and none of them hangs a match.
#include <time.h>

#include "grammar_cases.h"

namespace hadal {
namespace {

// CPU of this thread: other work on the machine is no reason to fail.
double cpu_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlower = 20;
#else
constexpr double kSlower = 1;
#endif
constexpr double kCompileMs = 100 * kSlower;

template <typename Compile>
std::shared_ptr<const CompiledGrammar> within_budget(const std::string& what, Compile compile) {
  small_vocabulary();
  std::shared_ptr<const CompiledGrammar> grammar;
  const double start = cpu_milliseconds();
  try {
    grammar = compile();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << what;
    ::testing::Test::RecordProperty(what + " refused", error.what());
  }
  const double ms = cpu_milliseconds() - start;
  EXPECT_LT(ms, kCompileMs) << what;
  ::testing::Test::RecordProperty(what, std::to_string(ms));
  return grammar;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::shared_ptr<const CompiledGrammar> pattern(const std::string& what, const std::string& text) {
  return within_budget(what, [&] { return CompiledGrammar::regex(text, small_vocabulary()); });
}

std::shared_ptr<const CompiledGrammar> schema(const std::string& what, const std::string& text) {
  return within_budget(what, [&] { return CompiledGrammar::json_schema(text, small_vocabulary()); });
}

TEST(GrammarBudget, Patterns) {
  const auto nested = pattern("nested", "(a+)+$");
  ASSERT_NE(nested, nullptr);
  GrammarMatcher matcher(nested);
  EXPECT_TRUE(matcher.accept_bytes(std::string(20000, 'a')));
  EXPECT_FALSE(matcher.accept_bytes("b"));
  EXPECT_NE(pattern("alternation", "(a|a|a)*(a|aa)*b"), nullptr);
  EXPECT_EQ(pattern("subsets", "[ab]*a[ab]{30}"), nullptr);
  EXPECT_EQ(pattern("powers", "((((((a{30}){30}){30}){30}){30}){30}){30}"), nullptr);
  EXPECT_EQ(pattern("long run", "(.{1000}){1000}"), nullptr);
  EXPECT_EQ(pattern("groups", repeated("(", 100000) + "a" + repeated(")", 100000)), nullptr);
  pattern("brackets", repeated("[\\s\\S]", 5000));
  pattern("optional", repeated("a?", 3000) + repeated("a", 3000));
  pattern("alternatives", repeated("abc|", 20000) + "x");
}

TEST(GrammarBudget, Gbnf) {
  std::string chain;
  for (int i = 0; i < 15000; ++i) chain += fmt::format("r{} ::= \"a\" r{}\n", i, i + 1);
  within_budget("chain", [&] {
    return CompiledGrammar::gbnf("root ::= r0\n" + chain + "r15000 ::= \"b\"", small_vocabulary());
  });
  std::string doubling = "root ::= d0\n";
  for (int i = 0; i < 60; ++i) doubling += fmt::format("d{} ::= d{} d{}\n", i, i + 1, i + 1);
  const auto doubled = within_budget(
      "doubling", [&] { return CompiledGrammar::gbnf(doubling + "d60 ::= \"a\"", small_vocabulary()); });
  ASSERT_NE(doubled, nullptr);
  GrammarMatcher deep(doubled);
  EXPECT_TRUE(deep.accept_bytes(std::string(5000, 'a')));
  EXPECT_FALSE(ids_in(mask_of(deep, *small_vocabulary())).empty());
}

// Two rules that look alike for as long as one likes, so that every step doubles the ways to here.
TEST(GrammarBudget, AmbiguityCostsWidthNotWays) {
  const auto grammar = CompiledGrammar::gbnf(
      "root ::= x | y\nx ::= \"a\" x \"x\" | \"a\" y \"x\" | \"a\"\ny ::= \"a\" x \"y\" | \"a\" y \"y\" | "
      "\"a\"",
      small_vocabulary());
  GrammarMatcher matcher(grammar);
  const double start = cpu_milliseconds();
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(matcher.accept_bytes("a"));
  EXPECT_FALSE(ids_in(mask_of(matcher, *small_vocabulary())).empty());
  for (int i = 0; i < 2999; ++i) ASSERT_TRUE(matcher.accept_bytes(i % 3 == 0 ? "x" : "y"));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_LT(cpu_milliseconds() - start, 1000 * kSlower);
}

TEST(GrammarBudget, Schemas) {
  EXPECT_EQ(schema("nesting", repeated("{\"items\":", 900) + "{}" + repeated("}", 900)), nullptr);
  EXPECT_EQ(schema("brackets", repeated("[", 100000)), nullptr);
  std::string names;
  std::string values;
  for (int i = 0; i < 5000; ++i) {
    names += fmt::format("{}\"property_{}\":{{\"type\":\"string\"}}", i == 0 ? "" : ",", i);
    values += fmt::format("{}\"some value {}\"", i == 0 ? "" : ",", i);
  }
  EXPECT_NE(schema("enum", "{\"enum\":[" + values + "]}"), nullptr);
  schema("properties", "{\"type\":\"object\",\"properties\":{" + names + "}}");
  std::string bomb;
  for (int i = 0; i < 40; ++i)
    bomb += fmt::format("\"d{}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/d{}\"}},{{\"$ref\":\"#/$defs/d{}\"}}]}},",
                        i, i + 1, i + 1);
  EXPECT_NE(
      schema("allOf bomb", "{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + bomb + "\"d40\":{\"type\":\"string\"}}}"),
      nullptr);
  std::string choices;
  for (int i = 0; i < 12; ++i)
    choices += fmt::format("{}{{\"anyOf\":[{{\"minLength\":{}}},{{\"maxLength\":{}}}]}}", i == 0 ? "" : ",",
                           i, 50 + i);
  schema("anyOf bomb", "{\"allOf\":[" + choices + "]}");
  schema("lengths", R"({"type":"string","minLength":1,"maxLength":1000000})");
  schema(
      "lengths of arrays",
      R"({"type":"array","items":{"type":"array","items":{"type":"string","maxLength":999},"maxItems":9999},"maxItems":99999})");
  schema(
      "multiples",
      R"({"type":"integer","multipleOf":4999,"minimum":1,"maximum":99999999999,"allOf":[{"multipleOf":4998}]})");
  schema("names beside names", "{\"type\":\"object\",\"properties\":{" + names +
                                   "},\"additionalProperties\":{\"type\":\"integer\"}}");
  schema("pattern", R"j({"pattern":"(x+x+)+y.*(a|b)*a(a|b){25}"})j");
  schema("digits", "{\"minimum\":" + repeated("9", 4000) + "}");
  schema("oneOf", "{\"oneOf\":[" + repeated("{\"type\":\"object\"},", 3000) + "{}]}");
}

}  // namespace
}  // namespace hadal
