#include "text/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "text/unicode_tables.h"
#include "tokenizer_cases.h"

namespace hadal {
namespace {

std::string repaired(std::string_view bytes) {
  std::string out;
  const size_t taken = append_repaired_utf8(bytes, out);
  if (taken != bytes.size()) out += kReplacementCharacter;
  return out;
}

// One character from its code point, surrogates and values past the end included.
std::string encoded(uint32_t c) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)),
          byte(0x80 | (c & 63))};
}

TEST(Utf8, EveryCodePoint) {
  for (uint32_t c = 0; c < 0x120000; ++c) {
    const std::string bytes = encoded(c);
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

TEST(UnicodeTables, EqualTheReferencesClasses) {
  HADAL_NEED_SHARED("golden/tokenizer/unicode_classes.json");
  const std::string json = read_file(shared_path("golden/tokenizer/unicode_classes.json"), 1 << 20);
  simdjson::dom::parser parser;
  const simdjson::dom::element ranges = parser.parse(json);
  std::vector<CharClass> expected(0x110000, CharClass::kOther);
  const auto paint = [&](std::string_view name, CharClass cls) {
    for (const simdjson::dom::element range : simdjson::dom::array(ranges[name])) {
      for (uint64_t c = range.at(0); c <= uint64_t(range.at(1)); ++c) expected[c] = cls;
    }
  };
  paint("L", CharClass::kWord);
  paint("M", CharClass::kWord);
  paint("P", CharClass::kPunctuation);
  paint("S", CharClass::kPunctuation);
  paint("space", CharClass::kSpace);
  for (size_t c = 0; c < expected.size(); ++c) {
    if ((c < 0x4E00 || c > 0x9FA5) && (c < 0x3040 || c > 0x30FF)) continue;
    expected[c] = expected[c] == CharClass::kWord          ? CharClass::kHanWord
                  : expected[c] == CharClass::kPunctuation ? CharClass::kHanPunctuation
                                                           : CharClass::kHanOther;
  }
  paint("N", CharClass::kNumber);
  expected['\r'] = expected['\n'] = CharClass::kLineBreak;
  for (uint32_t c = 0; c < 0x110000; ++c) ASSERT_EQ(char_class(c), expected[c]) << "U+" << std::hex << c;
}

}  // namespace
}  // namespace hadal
