#include "tools/chat_command.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tools/chat_settings.h"

namespace hadal {
namespace {

TEST(ChatCommand, ParsesNamesAndArguments) {
  const auto parse = [](std::string_view input) { return *parse_chat_command(input); };
  EXPECT_EQ(parse("/help").verb, ChatVerb::kHelp);
  EXPECT_EQ(parse("/help  \n").verb, ChatVerb::kHelp);
  EXPECT_EQ(parse("/exit").verb, ChatVerb::kQuit);
  EXPECT_EQ(parse("/think").argument, "");
  EXPECT_EQ(parse("/think  high ").argument, "high");
  EXPECT_EQ(parse("/system You are\nkind. ").argument, "You are\nkind.");
  EXPECT_EQ(parse("/save my file.json").argument, "my file.json");
  EXPECT_EQ(parse("/set temp 0.5").argument, "temp 0.5");
}

TEST(ChatCommand, WhatIsSaidIsNoCommand) {
  for (const std::string_view said : {"", "hello", " /help", "//help", "a /help"})
    EXPECT_FALSE(parse_chat_command(said)) << said;
  EXPECT_EQ(said_text("//usr/bin is a folder"), "/usr/bin is a folder");
  EXPECT_EQ(said_text("1 / 2"), "1 / 2");
}

TEST(ChatCommand, RefusesWhatItDoesNotKnow) {
  for (const std::string_view bad :
       {"/", "/nothing", "/HELP", "/help me", "/save", "/load   ", "/undo 2", "/usr/bin"})
    EXPECT_THROW(parse_chat_command(bad), Error) << bad;
}

TEST(ChatCommand, HelpNamesEveryCommand) {
  for (const char* name :
       {"/help", "/think", "/system", "/regen", "/undo", "/save", "/load", "/stats", "/set", "/quit"})
    EXPECT_NE(chat_help().find(name), std::string::npos) << name;
}

TEST(ChatCommand, Completes) {
  EXPECT_EQ(complete_chat_command("/sa"), std::vector<std::string>{"/save "});
  EXPECT_EQ(complete_chat_command("/s"), (std::vector<std::string>{"/system ", "/save ", "/stats", "/set "}));
  EXPECT_EQ(complete_chat_command("/stats"), std::vector<std::string>{});
  EXPECT_EQ(complete_chat_command("/set top"), (std::vector<std::string>{"/set top-k ", "/set top-p "}));
  EXPECT_EQ(complete_chat_command("hello /s"), std::vector<std::string>{});
}

TEST(ChatSettings, ChangeAndList) {
  ChatSettings settings;
  const auto set = [&](std::string_view name, std::string_view value) {
    change_setting(settings, name, value, 100);
  };
  set("temp", "0.25");
  set("top-k", "40");
  set("top-p", "0.9");
  set("min-p", "0.1");
  set("repeat-penalty", "1.5");
  set("presence-penalty", "-1");
  set("frequency-penalty", "2");
  set("seed", "18446744073709551615");
  set("max-tokens", "7");
  set("reasoning", "hide");
  EXPECT_EQ(settings.sampling.temperature, 0.25);
  EXPECT_EQ(settings.sampling.top_k, 40);
  EXPECT_EQ(settings.sampling.top_p, 0.9);
  EXPECT_EQ(settings.sampling.min_p, 0.1);
  EXPECT_EQ(settings.sampling.repetition_penalty, 1.5);
  EXPECT_EQ(settings.sampling.presence_penalty, -1);
  EXPECT_EQ(settings.sampling.frequency_penalty, 2);
  EXPECT_EQ(settings.sampling.seed, 18446744073709551615u);
  EXPECT_EQ(settings.max_new_tokens, 7);
  EXPECT_FALSE(settings.show_reasoning);
  // What is listed can be set.
  for (const SettingText& setting : list_settings(settings)) set(setting.name, setting.value);
  EXPECT_EQ(list_settings(settings)[0].value, "0.25");
}

TEST(ChatSettings, RefuseAndStayAsTheyWere) {
  ChatSettings settings;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"temp", "-1"},
                                                                                    {"temp", "warm"},
                                                                                    {"temp", ""},
                                                                                    {"temp", "1x"},
                                                                                    {"top-p", "1.5"},
                                                                                    {"top-k", "1.5"},
                                                                                    {"top-k", "-1"},
                                                                                    {"max-tokens", "-1"},
                                                                                    {"reasoning", "yes"},
                                                                                    {"seed", "-1"},
                                                                                    {"nothing", "1"},
                                                                                    {"", ""},
                                                                                    {"temp", "nan"}})
    EXPECT_THROW(change_setting(settings, name, value, 100), Error) << name << " " << value;
  const std::vector<SettingText> fresh = list_settings({});
  for (size_t i = 0; i < fresh.size(); ++i) EXPECT_EQ(list_settings(settings)[i].value, fresh[i].value);
}

}  // namespace
}  // namespace hadal
