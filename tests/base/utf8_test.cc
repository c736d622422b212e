#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace hadal {
namespace {

std::string repaired(std::string_view bytes) {
  std::string out;
  const size_t taken = append_repaired_utf8(bytes, out);
  if (taken != bytes.size()) out += kReplacementCharacter;
  return out;
}

TEST(Utf8, EveryCodePoint) {
  for (uint32_t c = 0; c < 0x120000; ++c) {
    std::string bytes;
    append_utf8(c, bytes);
    const Utf8Char read = next_utf8(bytes.data(), bytes.data() + bytes.size());
    const bool valid = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
    ASSERT_EQ(read.status == Utf8Status::kValid, valid) << c;
    if (valid) {
      ASSERT_EQ(read.code_point, c);
      ASSERT_EQ(read.size, bytes.size());
    }
    ASSERT_EQ(is_valid_utf8(bytes), valid);
    for (size_t cut = 1; valid && cut < bytes.size(); ++cut) {
      const Utf8Char part = next_utf8(bytes.data(), bytes.data() + cut);
      ASSERT_EQ(part.status, Utf8Status::kUnfinished) << c;
      ASSERT_EQ(part.size, cut);
    }
  }
}

TEST(Utf8, ReplacesMaximalParts) {
  const std::string r(kReplacementCharacter);
  const struct {
    std::string_view bytes;
    std::string expected;
  } cases[] = {
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b\x80"
       "c\x80\xBF"
       "d",
       "a" + r + r + r + "b" + r + "c" + r + r + "d"},
      {"\xC0\x80", r + r},                  // overlong
      {"\xE0\x80\xAF", r + r + r},          // overlong
      {"\xED\xA0\x80", r + r + r},          // surrogate
      {"\xF4\x90\x80\x80", r + r + r + r},  // past U+10FFFF
      {"\xF0\x9F\x98", r},                  // cut off
      {"\xF0\x9F\x98 \xF0\x9F\x98\x80", r + " \xF0\x9F\x98\x80"},
      {"\xFF\xFE", r + r},
      {std::string_view("\0\x7F", 2), std::string("\0\x7F", 2)},
  };
  for (const auto& c : cases) EXPECT_EQ(repaired(c.bytes), c.expected);
}

TEST(Utf8, LeavesAnUnfinishedEnd) {
  std::string out;
  EXPECT_EQ(append_repaired_utf8("x\xE4\xBD", out), 1u);
  EXPECT_EQ(out, "x");
}

}  // namespace
}  // namespace hadal
