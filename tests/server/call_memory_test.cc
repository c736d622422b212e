#include "server/call_memory.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

constexpr const char* kSchema =
    R"({"type": "object", "properties": {"path": {"type": "string"}, "old": {"type": "string"},
        "all": {"type": "boolean", "default": false}, "mode": {"type": "string", "default": "w"}},
        "required": ["path", "old", "mode"]})";

std::vector<ToolSpec> tools() {
  ToolSpec tool;
  tool.name = "edit";
  tool.parameters = *parse_json(kSchema);
  return {tool};
}

// The arguments of a call that comes back, as the prompt then has them.
std::string restored(CallMemory& memory, const std::string& owner, const std::string& sent,
                     const std::string& name = "edit") {
  ChatRequest request;
  request.tools = tools();
  request.messages = {text_message("user", "go"), assistant_message("", std::nullopt, {{"1", name, sent}})};
  memory.restore(owner, request);
  const Json& call = request.messages[1].find("tool_calls")->array()->front();
  EXPECT_EQ(*call.find("id")->string(), "1");
  EXPECT_EQ(*request.messages[0].find("content")->string(), "go");
  return *call.find("function")->find("arguments")->string();
}

class CallMemoryTest : public ::testing::Test {
 protected:
  const std::string sampled_ = R"({"path": "a", "old": "x", "mode": "w"})";
  CallMemory memory_{1 << 20};

  void SetUp() override { memory_.remember("ann", tools(), {{"0", "edit", sampled_}}); }
};

TEST_F(CallMemoryTest, OrderAndDefaultsDoNotMatter) {
  for (const char* const sent :
       {R"({"path":"a","old":"x","mode":"w"})", R"({"mode": "w", "old": "x", "path": "a"})",
        R"({"all": false, "path": "a", "old": "x", "mode": "w"})"})
    EXPECT_EQ(restored(memory_, "ann", sent), sampled_);
}

TEST_F(CallMemoryTest, WhatSaysSomethingElseStaysAsSent) {
  for (const char* const sent :
       {R"({"path": "b", "old": "x", "mode": "w"})", R"({"path": "a", "old": "x", "mode": "w", "all": true})",
        R"({"path": "a", "old": "x"})",  // required, whatever its default
        R"({"path": "a", "old": "x", "mode": "w", "more": null})"})
    EXPECT_EQ(restored(memory_, "ann", sent), sent);
}

TEST_F(CallMemoryTest, NothingOfAnotherOwnerOrTool) {
  const std::string sent = R"({"old": "x", "path": "a", "mode": "w"})";
  EXPECT_EQ(restored(memory_, "bob", sent), sent);
  EXPECT_EQ(restored(memory_, "ann", sent, "write"), sent);
}

TEST_F(CallMemoryTest, TheFirstOfTwoStays) {
  memory_.remember("ann", tools(), {{"0", "edit", R"({"mode": "w", "old": "x", "path": "a"})"}});
  EXPECT_EQ(restored(memory_, "ann", R"({"old": "x", "path": "a", "mode": "w"})"), sampled_);
}

TEST_F(CallMemoryTest, NoObjectIsLeftAlone) {
  memory_.remember("ann", tools(), {{"0", "edit", "[1"}, {"1", "edit", "7"}});
  EXPECT_EQ(restored(memory_, "ann", "7"), R"({"arguments": "7"})");
}

TEST(CallMemory, ForgetsWhatWasAskedLongestAgo) {
  const auto call = [](char path) {
    return std::vector<HistoryCall>{{"0", "edit", std::string(R"({"path": ")") + path + R"("})"}};
  };
  const auto knows = [](CallMemory& memory, char path) {
    const std::string spaced = std::string(R"({"path" : ")") + path + R"("})";
    return restored(memory, "ann", spaced) != spaced;
  };
  CallMemory one(1 << 20);
  one.remember("ann", tools(), call('1'));
  CallMemory memory(2 * one.bytes());
  memory.remember("ann", tools(), call('1'));
  memory.remember("ann", tools(), call('2'));
  EXPECT_TRUE(knows(memory, '1'));  // asked for: now 2 is the oldest
  memory.remember("ann", tools(), call('3'));
  EXPECT_FALSE(knows(memory, '2'));
  EXPECT_TRUE(knows(memory, '1'));
  EXPECT_TRUE(knows(memory, '3'));
  EXPECT_EQ(memory.bytes(), 2 * one.bytes());
  CallMemory none(1);
  none.remember("ann", tools(), call('1'));
  EXPECT_EQ(none.bytes(), 0u);
}

}  // namespace
}  // namespace hadal
