// What people see of a file's text is plain, whatever the bytes are.
#include "base/printable.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace hadal {
namespace {

TEST(Printable, PlainTextStays) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("layers.0.w1 ü 漢字 🙂"), "layers.0.w1 ü 漢字 🙂");
}

TEST(Printable, NothingCommandsATerminal) {
  EXPECT_EQ(printable("a\x1b[2J\n\"\\"), "a\\u{1b}[2J\\n\\\"\\\\");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u{9b}");
  EXPECT_EQ(printable("\u202e"), "\\u{202e}");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\u{0}");
}

TEST(Printable, EveryCutOfACharacter) {
  const std::string text = "aü漢🙂";  // more bytes follow each cut
  for (size_t size = 0; size <= text.size(); ++size) {
    const std::string shown = printable(std::string_view(text).substr(0, size));
    EXPECT_TRUE(is_valid_utf8(shown)) << size;
  }
  EXPECT_EQ(printable("a\xc3"), "a\\xc3");
  EXPECT_EQ(printable("\xff\xed\xb0\x80"), "\\xff\\xed\\xb0\\x80");
}

TEST(Printable, InQuotes) {
  EXPECT_EQ(in_quotes("a\"b"), "\"a\\\"b\"");
  EXPECT_EQ(in_quotes("\xe2\x82"), "\"\\xe2\\x82\"");  // a cut-off character
}

}  // namespace
}  // namespace hadal
