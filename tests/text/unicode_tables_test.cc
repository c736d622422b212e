#include "text/unicode_tables.h"

#include <gtest/gtest.h>

#include "tokenizer_cases.h"

namespace hadal {
namespace {

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
