// Engram's compressed vocabulary: the rules one by one, and the whole maps of two tokenizers.
#include "text/engram_vocabulary.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>

#include "text/tokenizer_cases.h"

namespace hadal {
namespace {

TEST(EngramKey, FoldsCaseMarksWidthAndSpace) {
  EXPECT_EQ(engram_key("Stra\u00DFe"), engram_key("STRA\u00DFE"));
  EXPECT_NE(engram_key("Stra\u00DFe"), engram_key("STRASSE"));  // lower case, not case folding
  EXPECT_EQ(engram_key("\u00C9t\u00E9"), "ete");
  EXPECT_EQ(engram_key("e\u0301"), "e");
  EXPECT_EQ(engram_key("\u0928\u093E"), "\u0928");  // a spacing mark goes too
  EXPECT_EQ(engram_key("\uFF21\uFB01\u2460"), "afi1");
  EXPECT_EQ(engram_key(" The"), "the");
  EXPECT_EQ(engram_key("a \t\n b"), "a b");
  EXPECT_EQ(engram_key("\uAC01"), "\u1100\u1161\u11A8");
  EXPECT_EQ(engram_key("\U0001D400"), "a");
}

TEST(EngramKey, KeepsALoneSpaceAndWhatWouldVanish) {
  for (const char* const blank : {" ", "\n", "\t\r\n", "   ", "\u00A0"})
    EXPECT_EQ(engram_key(blank), " ") << blank;
  EXPECT_EQ(engram_key("\u0301"), "\u0301");
  EXPECT_EQ(engram_key("\v"), "\v");
  EXPECT_EQ(engram_key(""), "");
}

TEST(EngramKey, SpellsBytesThatAreNoText) {
  EXPECT_EQ(engram_key("\xE2"), "\u00E2");
  EXPECT_EQ(engram_key("\x80!"), "\u0122!");
  EXPECT_EQ(engram_key("\xEF\xBF\xBD"), "\u00EF\u00BF\u00BD");
  EXPECT_EQ(engram_key(std::string_view("\xC3 ", 2)), "\u00C3\u0120");
}

class Golden {
 public:
  Golden() : text_(read_file(shared_path("golden/v41/engram.json"), uint64_t{1} << 24)) {
    root_ = parser_.parse(text_);
  }
  simdjson::dom::element operator[](const char* key) const { return root_[key]; }

 private:
  std::string text_;
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

void expect_map(simdjson::dom::element expected, const std::vector<int32_t>& map) {
  ASSERT_EQ(map.size(), uint64_t{expected["entries"]});
  EXPECT_EQ(*std::ranges::max_element(map) + 1, int64_t{expected["classes"]});
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(map.data()), map.size() * 4, digest);
  std::string hex;
  for (const uint8_t byte : digest) hex += fmt::format("{:02x}", byte);
  EXPECT_EQ(hex, std::string_view(expected["sha256_int32_le"]));
}

TEST(EngramVocabulary, SmallTokenizer) {
  HADAL_NEED_SHARED("golden/v41");
  const Golden golden;
  const std::vector<int32_t> map =
      compressed_vocabulary(Tokenizer::from_file(shared_path("golden/tokenizer/small_tokenizer.json")));
  EXPECT_EQ(map, ids_of(golden["small_map"], "map"));
  expect_map(golden["small_map"], map);
}

TEST(EngramVocabulary, RealTokenizer) {
  HADAL_NEED_SHARED("golden/v41");
  if (!file_exists(shared_path("golden/tokenizer/tokenizer.json.gz")))
    GTEST_SKIP() << "SKIP: no tokenizer.json.gz";
  const Golden golden;
  const std::vector<int32_t> map = compressed_vocabulary(real_tokenizer());
  const std::vector<int32_t> first = ids_of(golden["map"], "first_300");
  EXPECT_TRUE(std::equal(first.begin(), first.end(), map.begin()));
  for (const simdjson::dom::element some : simdjson::dom::array(golden["map"]["some"]))
    EXPECT_EQ(map[static_cast<size_t>(int64_t{some["id"]})], int64_t{some["cls"]}) << some;
  expect_map(golden["map"], map);
}

}  // namespace
}  // namespace hadal
