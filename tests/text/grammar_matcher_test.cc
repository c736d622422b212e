#include "grammar_cases.h"
#include "text/grammar/json_library.h"

namespace hadal {
namespace {

std::shared_ptr<const CompiledGrammar> gbnf(std::string_view text) {
  return CompiledGrammar::gbnf(text, small_vocabulary());
}

// Walks at random under the masks, compares each mask with the tried one and rolls back now and then.
void expect_masks(const std::shared_ptr<const CompiledGrammar>& grammar, uint32_t seed, int steps) {
  const GrammarVocabulary& vocabulary = grammar->vocabulary();
  std::mt19937 random(seed);
  GrammarMatcher matcher(grammar);
  for (int i = 0; i < steps; ++i) {
    const Mask mask = mask_of(matcher, vocabulary);
    ASSERT_EQ(ids_in(mask), ids_in(tried_mask(matcher, vocabulary))) << "step " << i;
    const std::vector<int32_t> ids = ids_in(mask);
    if (matcher.is_stopped() || (matcher.steps() > 0 && random() % 8 == 0)) {
      matcher.rollback(1 + random() % matcher.steps());
      continue;
    }
    ASSERT_FALSE(ids.empty()) << "step " << i;
    ASSERT_TRUE(matcher.accept(ids[random() % ids.size()]));
  }
}

// Two rules that look alike until their ends.
constexpr const char* kAlike = R"(root ::= x | y
x ::= "a" x "x" | "a" y "x" | "a"
y ::= "a" x "y" | "a" y "y" | "a")";

TEST(GrammarMatcher, MasksAreWhatTryingEveryTokenSays) {
  uint32_t seed = 1;
  for (const char* const text : {
           "root ::= [a-z]+ \" \" [0-9]{2,5} | \"the\"",
           "root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
           "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\"",
           kAlike,
           "root ::= .* \"end\"",
           "root ::= list*\nlist ::= \"(\" list* \")\" ws\nws ::= [ \\n]*",
           "root ::= [^\"\\\\\\x00-\\x1f]{0,20} \"\\\"\" .{3,9}",
           "root ::= \"\\U0001F600\" [\\u00e0-\\u00ff]*",
       }) {
    SCOPED_TRACE(text);
    expect_masks(gbnf(text), seed++, 60);
  }
}

TEST(GrammarMatcher, MasksOfJson) {
  for (const bool flexible : {false, true}) {
    for (uint32_t seed = 0; seed < 4; ++seed) {
      expect_masks(CompiledGrammar::json_object(small_vocabulary(), {flexible}), seed, 60);
    }
  }
}

TEST(GrammarMatcher, AcceptsExactlyTheLanguage) {
  const auto pairs = gbnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\"");
  for (const char* const good : {"", "ab", "ac", "aabc", "aaacbb"}) EXPECT_TRUE(matches(pairs, good)) << good;
  for (const char* const bad : {"a", "b", "aab", "abc", "aabb c"}) EXPECT_FALSE(matches(pairs, bad)) << bad;
  const auto json = CompiledGrammar::json_object(small_vocabulary());
  for (const char* const good :
       {"{}", "{ }", R"({"a":1})", R"({"a" : [1, -2.5e+7, "x\n\u00e4\ud83d\ude00"] , "":{"b":null}})"}) {
    EXPECT_TRUE(matches(json, good)) << good;
  }
  for (const char* const bad : {"", "[]", "{", "{\"a\"}", R"({"a":01})", R"({"a":1,})", R"({"a":"\ud83d"})",
                                "{\"a\":\"\n\"}", "{}}", " {}"}) {
    EXPECT_FALSE(matches(json, bad)) << bad;
  }
}

TEST(GrammarMatcher, RollbackAndForkGiveBackTheSameMasks) {
  const auto grammar = CompiledGrammar::json_object(small_vocabulary());
  GrammarMatcher matcher(grammar);
  std::vector<Mask> masks;
  const std::string text = R"({"a":[[{"b":"c"}],[1,2]],"d":{}})";
  for (const char c : text) {
    masks.push_back(mask_of(matcher, grammar->vocabulary()));
    ASSERT_TRUE(matcher.accept_bytes({&c, 1}));
  }
  GrammarMatcher fork = matcher;
  for (size_t i = text.size(); i-- > 0;) {
    matcher.rollback(1);
    EXPECT_EQ(mask_of(matcher, grammar->vocabulary()), masks[i]) << i;
  }
  EXPECT_TRUE(fork.is_complete());
  EXPECT_EQ(fork.steps(), text.size());
}

TEST(GrammarMatcher, StopTokensComeWhereTheOutputMayEnd) {
  GrammarMatcher matcher(gbnf("root ::= \"a\"*"));
  EXPECT_TRUE(has_bit(mask_of(matcher, *small_vocabulary()), kSmallStop));
  EXPECT_TRUE(matcher.accept(kSmallStop));
  EXPECT_TRUE(matcher.is_stopped());
  EXPECT_TRUE(ids_in(mask_of(matcher, *small_vocabulary())).empty());
  matcher.rollback(1);
  EXPECT_TRUE(matcher.accept_bytes("aaa"));
  EXPECT_FALSE(matcher.accept_bytes("ab"));
  EXPECT_TRUE(matcher.is_complete());
  GrammarMatcher open(gbnf("root ::= \"ab\""));
  EXPECT_FALSE(open.accept(kSmallStop));
}

TEST(GrammarMatcher, ControlTokensComeOnlyWhereAskedFor) {
  const auto asked = CompiledGrammar::custom(
      [](grammar::Exprs& e, bool) {
        return e.sequence({e.star(e.any_character()), e.token(0), e.bytes("x")});
      },
      small_vocabulary());
  GrammarMatcher matcher(asked);
  EXPECT_TRUE(has_bit(mask_of(matcher, *small_vocabulary()), 0));
  EXPECT_FALSE(has_bit(mask_of(matcher, *small_vocabulary()), 1));
  // The text of a control token is not the control token.
  EXPECT_TRUE(matcher.accept_bytes("<｜begin▁of▁sentence｜>"));
  EXPECT_FALSE(matcher.accept_bytes("\xFF"));
  EXPECT_TRUE(matcher.accept(0));
  EXPECT_FALSE(matcher.accept(0));
  EXPECT_EQ(matcher.forced_bytes(9), "x");
  matcher.rollback(1);
  EXPECT_TRUE(matcher.accept_bytes("more"));
}

TEST(GrammarMatcher, ForcedBytes) {
  GrammarMatcher matcher(gbnf("root ::= \"abc\" (\"de\" | \"df\") \"g\"?"));
  EXPECT_EQ(matcher.forced_bytes(100), "abcd");
  EXPECT_EQ(matcher.forced_bytes(2), "ab");
  EXPECT_TRUE(matcher.accept_bytes("abcde"));
  EXPECT_EQ(matcher.forced_bytes(100), "");
}

TEST(GrammarMatcher, BlanksBetweenValuesAreBounded) {
  GrammarMatcher matcher(CompiledGrammar::json_object(small_vocabulary()));
  ASSERT_TRUE(matcher.accept_bytes("{" + std::string(GrammarMatcher::kMaxBlankRun, ' ')));
  for (const int32_t id : ids_in(mask_of(matcher, *small_vocabulary()))) {
    EXPECT_EQ(std::string_view(" \t\r\n").find(small_vocabulary()->spelling(id)[0]), std::string_view::npos);
  }
  ASSERT_TRUE(matcher.accept_bytes("\"" + std::string(300, ' ')));
  GrammarMatcher inside = matcher;
  EXPECT_TRUE(inside.accept_bytes(" "));
  EXPECT_GT(ids_in(mask_of(inside, *small_vocabulary())).size(), 100u);
}

TEST(GrammarMatcher, GrammarsThatCannotBe) {
  const auto refuses = [](std::string_view text, std::string_view part) {
    try {
      gbnf(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
  };
  refuses("root ::= root \"a\" | \"a\"", "left recursion");
  refuses("root ::= a\na ::= \"x\"? b\nb ::= a \"y\" | \"z\"", "left recursion");
  refuses("root ::= a", "not defined");
  refuses("a ::= \"b\"", "no rule root");
  refuses("root ::= \"a\" root", "nothing can match");
  refuses("root ::= (\"a\"", "(");
  refuses("root ::= \"a", "too early");
  refuses("root ::= \"a\"{3,2}", "repetition");
  refuses("root ::= [ab]* \"a\" [ab]{40} \"c\"", "");
}

// A surrogate is a code point without bytes.
TEST(GrammarMatcher, WhatHasNoBytesMatchesNothing) {
  const auto with = [](std::string_view regex) { return CompiledGrammar::regex(regex, small_vocabulary()); };
  EXPECT_THROW(with("a\\uDDDDb"), Error);
  EXPECT_NO_THROW(with("a|\\uDDDD"));
}

}  // namespace
}  // namespace hadal
