#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "text/tokenizer.h"

namespace hadal {
namespace {

std::vector<ByteMerge> trained(const std::vector<std::string>& texts, size_t tokens,
                               bool merges_digits = true) {
  BpeTrainer trainer(merges_digits);
  for (const std::string& text : texts) trainer.add(text);
  return trainer.train(tokens);
}

TEST(BpeTrainer, JoinsTheMostFrequentPairFirst) {
  // Pieces: " low" x5, " lower" x2, " newest" x6, " widest" x3.
  std::string text;
  for (const auto& [word, count] :
       {std::pair{" low", 5}, std::pair{" lower", 2}, std::pair{" newest", 6}, std::pair{" widest", 3}})
    for (int i = 0; i < count; ++i) text += word;
  const std::vector<ByteMerge> merges = trained({text}, 6);
  // es and st come 9 times each: e is the older byte. Then est. " l", "lo" and "ow" come 7 times: " " is the
  // oldest; then "ow", whose tokens are older than the new " l".
  const std::vector<ByteMerge> expected = {{"e", "s"}, {"es", "t"},  {" ", "l"},
                                           {"o", "w"}, {" l", "ow"}, {" ", "n"}};
  EXPECT_EQ(merges, expected);
}

TEST(BpeTrainer, DependsOnNoOrder) {
  const std::vector<std::string> texts = {"the cat sat on the mat", "a dog and the cat", "on and on and on"};
  const std::vector<ByteMerge> merges = trained(texts, 30);
  EXPECT_EQ(merges, trained({texts[2], texts[0], texts[1]}, 30));
  EXPECT_GT(merges.size(), 5u);
}

TEST(BpeTrainer, StopsWhereNoPairComesTwice) {
  EXPECT_TRUE(trained({"abcdefg"}, 10).empty());
  EXPECT_EQ(trained({"ab", "ab"}, 10).size(), 1u);
}

TEST(BpeTrainer, KeepsDigitsAloneOnRequest) {
  const std::vector<std::string> texts(5, "12 34 12 ab 34 12");
  const auto has_digit = [](const ByteMerge& merge) {
    return merge.second.find_first_of("0123456789") != std::string::npos;
  };
  const std::vector<ByteMerge> with = trained(texts, 10);
  EXPECT_TRUE(std::any_of(with.begin(), with.end(), has_digit));
  const std::vector<ByteMerge> without = trained(texts, 10, false);
  EXPECT_FALSE(std::any_of(without.begin(), without.end(), has_digit));
  EXPECT_FALSE(without.empty());
}

// Runs of one letter: overlapping pairs, and tokens that two merges give.
TEST(BpeTrainer, CountsRunsOfOneLetter) {
  const std::vector<ByteMerge> merges = trained({"aaaaaaa", "aaaaaaa", "aaaa", "bab", "bab"}, 50);
  const Tokenizer tokenizer = Tokenizer::from_json(tokenizer_json(merges), "trained");
  EXPECT_EQ(tokenizer.encode_content("aaaaaaa").size(), 1u);
  EXPECT_EQ(tokenizer.encode_content("bab").size(), 1u);
}

TEST(BpeTrainer, LimitsPiecesAndTokens) {
  EXPECT_TRUE(trained({std::string(BpeTrainer::kLongestPiece + 1, 'x')}, 10).empty());
  for (const auto& [left, right] : trained({std::string(500, 'x'), std::string(500, 'x')}, 40))
    EXPECT_LE(left.size() + right.size(), BpeTrainer::kLongestToken);
}

TEST(TokenizerWriter, WritesAFileThatIsRead) {
  const std::vector<std::string> texts(3, "günaydın, nasılsın? \"iyiyim\" \\o/ 東京 <think>");
  const std::vector<ByteMerge> merges = trained(texts, 40);
  const Tokenizer tokenizer = Tokenizer::from_json(tokenizer_json(merges), "trained");
  EXPECT_EQ(tokenizer.vocab_size(), kFixedTokens + merges.size());
  EXPECT_EQ(tokenizer.decode(tokenizer.encode_content(texts[0])), texts[0]);
  EXPECT_LT(tokenizer.encode_content(texts[0]).size(), texts[0].size());
  EXPECT_EQ(tokenizer.encode("<think>").size(), 1u);
  EXPECT_EQ(tokenizer.find_added("<｜begin▁of▁sentence｜>"), 0);
}

}  // namespace
}  // namespace hadal
