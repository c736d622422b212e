#include "tools/conversation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace hadal {
namespace {

Conversation sample() {
  Conversation conversation;
  conversation.set_system("Be brief.");
  conversation.add_user("Hi \"you\"\n");
  conversation.add_reply(
      {.reasoning = "hm", .content = "Hello ✓", .calls = {{"look", "{\"a\": 1.50}", true}}});
  conversation.add_user("More");
  conversation.add_reply({.reasoning = "", .content = "No.", .calls = {}});
  conversation.thinking = "high";
  return conversation;
}

TEST(Conversation, HoldsMessagesInTheShapeOfTheFormats) {
  EXPECT_EQ(
      dump_json(sample().messages()),
      R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi \"you\"\n"}, )"
      R"({"role": "assistant", "content": "Hello ✓", "reasoning_content": "hm", "tool_calls": [{"type": "function", "function": )"
      R"({"name": "look", "arguments": "{\"a\": 1.50}"}}]}, {"role": "user", "content": "More"}, )"
      R"({"role": "assistant", "content": "No."}])");
  EXPECT_EQ(sample().turns(), 2);
}

TEST(Conversation, ACutCallStaysAsText) {
  Conversation conversation;
  conversation.add_reply({.reasoning = "",
                          .content = "See: ",
                          .calls = {{"a", "{\"x\": 1", false}, {"b", "[1]", true}, {"c", "{}", true}}});
  EXPECT_EQ(
      dump_json(conversation.messages()),
      R"x([{"role": "assistant", "content": "See: a({\"x\": 1)b([1])", "tool_calls": [{"type": "function", )x"
      R"x("function": {"name": "c", "arguments": "{}"}}]}])x");
}

TEST(Conversation, SystemComesFirstAndGoes) {
  Conversation conversation = sample();
  conversation.set_system("Other.");
  EXPECT_EQ(conversation.system(), "Other.");
  EXPECT_EQ(conversation.messages().size(), 5u);
  conversation.set_system("");
  EXPECT_EQ(conversation.system(), "");
  EXPECT_EQ(conversation.messages().size(), 4u);
  conversation.set_system("Again.");
  conversation.clear();
  EXPECT_EQ(conversation.messages().size(), 1u);
  EXPECT_EQ(conversation.system(), "Again.");
}

TEST(Conversation, UndoAndRegen) {
  Conversation conversation = sample();
  EXPECT_TRUE(conversation.drop_reply());
  EXPECT_FALSE(conversation.drop_reply());
  EXPECT_EQ(conversation.undo(), "More");
  EXPECT_EQ(conversation.undo(), "Hi \"you\"\n");
  EXPECT_EQ(conversation.undo(), std::nullopt);
  EXPECT_EQ(conversation.messages().size(), 1u);
  EXPECT_FALSE(conversation.drop_reply());
}

TEST(Conversation, FilesComeBackAsTheyWere) {
  const std::string path = testing::TempDir() + "conversation_test.json";
  std::filesystem::remove(path);
  sample().save(path);
  const Conversation loaded = Conversation::load(path);
  EXPECT_EQ(loaded.to_json(), sample().to_json());
  EXPECT_EQ(loaded.thinking, "high");
  sample().save(path);  // over itself
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  std::filesystem::remove(path);
}

TEST(Conversation, DoesNotOverwriteSomethingElse) {
  const std::string path = testing::TempDir() + "conversation_other.json";
  for (const std::string content : {"my thesis", "{\"format\": \"other\"}", "[1]", ""}) {
    std::ofstream(path) << content;
    try {
      sample().save(path);
      ADD_FAILURE() << content;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
    std::string kept;
    std::getline(std::ifstream(path), kept);
    EXPECT_EQ(kept, content);
  }
  std::filesystem::remove(path);
}

TEST(Conversation, RefusesBadFiles) {
  const std::string head = R"({"format": "hadal-chat", "version": 1, "messages": )";
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("{\"format\": \"hadal-chat\"}"), std::string("\xff"),
        std::string(R"({"format": "hadal-chat", "version": 2, "messages": []})"), head + "{}}", head + "[1]}",
        head + R"([{"content": "x"}]})", head + R"([{"role": "user", "content": 3}]})",
        head + R"([{"role": 1}]})"}) {
    try {
      Conversation::from_json(text, "x.json");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel) << text;
      EXPECT_NE(std::string(error.what()).find("x.json"), std::string::npos);
    }
  }
  EXPECT_EQ(
      Conversation::from_json(head + R"([{"role": "user", "content": "x", "extra": [1]}]})", "x").turns(), 1);
  EXPECT_THROW(Conversation::load("/nowhere/x.json"), Error);
}

}  // namespace
}  // namespace hadal
