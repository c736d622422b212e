#include "tools/tokenize.h"

#include <gtest/gtest.h>

#include <sstream>

namespace hadal {
namespace {

std::string lines(TokenizeMode mode, const std::string& input) {
  static const Tokenizer tokenizer = load_tokenizer(HADAL_SOURCE_DIR "/tests/data/tokenizer");
  std::istringstream in(input);
  std::ostringstream out;
  tokenize_lines(tokenizer, mode, in, out);
  return out.str();
}

TEST(Tokenize, LinesInLinesOut) {
  EXPECT_EQ(lines(TokenizeMode::kEncode, "{\"text\":\"<think>a\"}\n{\"text\": \"\", \"more\": 1}\r\n"),
            "{\"ids\":[902,67]}\n{\"ids\":[]}\n");
  EXPECT_EQ(lines(TokenizeMode::kDecode, "{\"ids\":[902,67]}\n{\"ids\":[]}"),
            "{\"hex\":\"3c7468696e6b3e61\"}\n{\"hex\":\"\"}\n");
  EXPECT_EQ(lines(TokenizeMode::kContent, "{\"text\":\"<think>\"}").find("902"), std::string::npos);
  EXPECT_EQ(lines(TokenizeMode::kEncode, ""), "");
}

TEST(Tokenize, ABadLineDoesNotEndTheRun) {
  const std::string good = "{\"ids\":[67]}\n";
  for (const std::string bad :
       {"", "x", "[]", "{\"text\":1}", "{\"ids\":[1]}", "{\"text\":\"\\ud800\"}", "{\"text\":\"\\udc00x\"}",
        "{\"text\":\"\xFF\"}", "{\"text\":\"a\"} x", "{\"text\":\"a"}) {
    const std::string out = lines(TokenizeMode::kEncode, bad + "\n{\"text\":\"a\"}\n");
    EXPECT_EQ(out.rfind("{\"error\":\"", 0), 0u) << bad << " -> " << out;
    EXPECT_EQ(out.substr(out.find('\n') + 1), good) << bad;
  }
  for (const std::string bad : {"[1]", "{\"ids\":7}", "{\"ids\":[910]}", "{\"ids\":[-1]}", "{\"ids\":[1.0]}",
                                "{\"ids\":[\"\\\"\\n\"]}", "{\"ids\":[4294967297]}"}) {
    const std::string out = lines(TokenizeMode::kDecode, bad + "\n{\"ids\":[67]}\n");
    EXPECT_EQ(out.rfind("{\"error\":\"", 0), 0u) << bad << " -> " << out;
    EXPECT_EQ(out.substr(out.find('\n') + 1), "{\"hex\":\"61\"}\n") << bad;
  }
}

TEST(Tokenize, ShowsPiecesToPeople) {
  std::istringstream in("a\n<think>");
  std::ostringstream out;
  tokenize_text(load_tokenizer(HADAL_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json"), false, in, out);
  EXPECT_EQ(out.str(), "     67   \"a\"\n    201   \"\\n\"\n    902 * \"<think>\"\n");
}

}  // namespace
}  // namespace hadal
