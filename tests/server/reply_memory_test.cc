#include "server/reply_memory.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

using Ids = std::vector<int32_t>;

TEST(ReplyMemory, FindsTheLongestBeginningThatEndsATurn) {
  ReplyMemory memory(1 << 20);
  memory.remember("ann", "one.", {1, 2});
  memory.remember("ann", "one.two.", {1, 2, 3});
  const std::vector<TextRange> ends{{3, 4}, {7, 8}, {13, 14}};
  const ReplyMemory::Found found = memory.find("ann", "one.two.three.", ends);
  EXPECT_EQ(found.length, 8u);
  EXPECT_EQ(found.ids, (Ids{1, 2, 3}));
  EXPECT_EQ(memory.find("ann", "one.six.three.", ends).ids, (Ids{1, 2}));  // another second turn
  EXPECT_EQ(memory.find("ann", "0ne.two.three.", ends).length, 0u);
  EXPECT_EQ(memory.find("ann", "one.two.", {{3, 4}}).length, 4u);  // only where a turn ends
}

TEST(ReplyMemory, NothingOfOneOwnerIsFoundByAnother) {
  ReplyMemory memory(1 << 20);
  memory.remember("ann", "one.", {1});
  EXPECT_EQ(memory.find("bob", "one.", {{3, 4}}).length, 0u);
  memory.remember("a", "bone.", {2});
  EXPECT_EQ(memory.find("ab", "one.", {{3, 4}}).length, 0u);
}

TEST(ReplyMemory, TheSameTextAgainTakesTheNewTokens) {
  ReplyMemory memory(1 << 20);
  memory.remember("ann", "one.", {1});
  const size_t bytes = memory.bytes();
  memory.remember("ann", "one.", {9});
  EXPECT_EQ(memory.find("ann", "one.", {{3, 4}}).ids, Ids{9});
  EXPECT_EQ(memory.bytes(), bytes);
}

TEST(ReplyMemory, ForgetsWhatWasAskedLongestAgo) {
  ReplyMemory one(1 << 20);
  one.remember("ann", "1.", Ids(100, 1));
  ReplyMemory memory(2 * one.bytes());
  memory.remember("ann", "1.", Ids(100, 1));
  memory.remember("ann", "2.", Ids(100, 2));
  EXPECT_EQ(memory.find("ann", "1.", {{1, 2}}).length, 2u);  // asked for: now 2 is the oldest
  memory.remember("ann", "3.", Ids(100, 3));
  EXPECT_EQ(memory.find("ann", "2.", {{1, 2}}).length, 0u);
  EXPECT_EQ(memory.find("ann", "1.", {{1, 2}}).length, 2u);
  EXPECT_EQ(memory.find("ann", "3.", {{1, 2}}).length, 2u);
  memory.remember("ann", "4.", Ids(10000, 4));  // too much for the whole memory: nothing changes
  EXPECT_EQ(memory.find("ann", "1.", {{1, 2}}).length, 2u);
}

}  // namespace
}  // namespace hadal
