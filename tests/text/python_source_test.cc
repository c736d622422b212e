#include "text/python_source.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

using Kind = PythonAssignment::Kind;

// The last assignment of X: its string, or a word for what it is.
std::string value_of_x(std::string_view source) {
  std::string value = "not assigned";
  for (const PythonAssignment& found : read_python_assignments(source, "test.py")) {
    if (found.name != "X") continue;
    value = found.kind == Kind::kString ? found.string : "other";
    if (found.kind != Kind::kStringDict) continue;
    value = "dict";
    for (const auto& [key, text] : found.dict) value.append(" ").append(key).append("=").append(text);
  }
  return value;
}

TEST(PythonSource, ReadsStrings) {
  const std::pair<const char*, const char*> cases[] = {
      {"X = 'a'", "a"},
      {"X=\"a\"\n", "a"},
      {"X: str = 'a'  # comment", "a"},
      {"X: Dict[str, \"Y = 'b'\"] = 'a'", "a"},
      {"X = 'a' \"b\" '''c'''", "abc"},
      {"X = 'a' \\\n  'b'", "ab"},
      {"X = (\n  'a'  # one\n\n  'b'\n)", "ab"},
      {"X = (('a'))", "a"},
      {"X = '''a\n\"'b'\"\n'''", "a\n\"'b'\"\n"},
      {"X = \"\"\"a\r\nb\rc\"\"\"", "a\nb\nc"},
      {"X = 'a\\\nb'", "ab"},
      {R"(X = '\d\8')", R"(\d\8)"},
      {R"(X = r'\n\' "' U'\n')", "\\n\\' \"\n"},
      {"X = 'a'; Y = 'b'", "a"},
      {"X = ''", ""},
      {"X = 'a'\nX = 'b'", "b"},
      {"\xEF\xBB\xBFX = 'a'", "a"},
  };
  for (const auto& [source, value] : cases) EXPECT_EQ(value_of_x(source), value) << source;
  EXPECT_EQ(value_of_x(R"(X = 'a\n\t\\\'\"\x41\u27e7\U0001F600\101\0')"),
            std::string("a\n\t\\'\"A⟧😀A\0", 16));
}

TEST(PythonSource, ReadsDictsOfStrings) {
  EXPECT_EQ(value_of_x("X = {}"), "dict");
  EXPECT_EQ(value_of_x("X = {'a': 'b', # c\n \"d\": ('e'\n 'f'),\n}"), "dict a=b d=ef");
  EXPECT_EQ(value_of_x("X = {'a': 'b', 'c': 'd', 'a': 'e'}"), "dict a=e c=d");
}

TEST(PythonSource, TakesNothingElseForAString) {
  for (const char* const source : {"X = f'a'",
                                   "X = b'a'",
                                   "X = 'a' f'b'",
                                   "X = 'a' + 'b'",
                                   "X = 'a' % b",
                                   "X = ('a', 'b')",
                                   "X = ('a',)",
                                   "X = 'a'.strip()",
                                   "X = Y = 'a'",
                                   "X = Y",
                                   "X = 1",
                                   "X = '\\N{DASH}'",
                                   "X = '\\ud83d'",
                                   "X = '\\x4'",
                                   "X = '\\U00110000'",
                                   "X = {'a': 1}",
                                   "X = {'a'}",
                                   "X = {**Y}",
                                   "X = {'a': 'b'}['a']",
                                   "X = 'a'\nX += 'b'",
                                   "X = lambda: 'a'",
                                   "X = ('a' ('b'))",
                                   "X = 'a' if y else 'b'"})
    EXPECT_EQ(value_of_x(source), "other") << source;
}

TEST(PythonSource, LooksAtTheTopLevelOnly) {
  for (const char* const source :
       {"def f():\n    X = 'a'\n", "if True:\n\tX = 'a'", "# X = 'a'", "'''\nX = 'a'\n'''", "f(\nX = 'a')",
        "X == 'a'", "X.y = 'a'", "X[0] = 'a'", "X, Y = 'a', 'b'", "y = [\nX == 'a'\n]", "class X:\n  pass",
        "y = '\\\nX = 1'", "def f(a,\nX = 'a'): pass", "X: str", "Xa = 'a'", "ÖX = 'a'"})
    EXPECT_EQ(value_of_x(source), "not assigned") << source;
  EXPECT_EQ(value_of_x("def f():\n  '''doc\n'''\nX = 'a'"), "a");
  EXPECT_EQ(value_of_x("y = re.compile(r'\"(' )\nX = 'a'"), "a");
  EXPECT_EQ(value_of_x("y = {'}': ')'}  # ( '''\nX = 'a'"), "a");
  EXPECT_EQ(value_of_x("r'''\nX = 'b'\n'''\n\n@y\ndef f(): return ']'\nX = 'a'"), "a");
}

TEST(PythonSource, RefusesWhatIsNoSource) {
  const auto error_of = [](const std::string& source) -> std::string {
    try {
      read_python_assignments(source, "test.py");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(error_of("\nX = 'a"), "test.py:2: the file ends inside this string");
  EXPECT_EQ(error_of("X = 'a\n'"), "test.py:1: the file ends inside this string");
  EXPECT_EQ(error_of("X = '''a'"), "test.py:1: the file ends inside this string");
  EXPECT_EQ(error_of("X = 'a\\"), "test.py:1: the file ends inside this string");
  EXPECT_EQ(error_of("x\n\nX = ('a'"), "test.py:3: the file ends inside this bracket");
  EXPECT_EQ(error_of("X = '\xFF'"), "test.py: not UTF-8");
  EXPECT_NE(error_of(std::string(kMaxPythonSourceBytes + 1, ' ')), "none");
  EXPECT_EQ(value_of_x("X = " + std::string(100'000, '(') + "'a'" + std::string(100'000, ')')), "other");
  // Many short lines take no time that grows faster than they do.
  std::string many;
  while (many.size() + 4 < kMaxPythonSourceBytes) many += "X=1\n";
  EXPECT_EQ(value_of_x(many), "other");
}

}  // namespace
}  // namespace hadal
