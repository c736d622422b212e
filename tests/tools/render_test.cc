#include "tools/render.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tools/tokenize.h"

namespace hadal {
namespace {

std::string rendered(const std::string& input, bool with_ids = false) {
  static const ChatLiterals literals =
      load_chat_literals(HADAL_SOURCE_DIR "/tests/data/chat/encoding_preview.py");
  static const Tokenizer tokenizer = load_tokenizer(HADAL_SOURCE_DIR "/tests/data/tokenizer");
  std::istringstream in(input);
  std::ostringstream out;
  render_lines(literals, with_ids ? &tokenizer : nullptr, in, out);
  return out.str();
}

std::string parsed(const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out;
  parse_lines(ChatDialect::kV4Preview, in, out);
  return out.str();
}

TEST(Render, LinesInLinesOut) {
  const std::string line =
      R"({"messages": [{"role": "user", "content": "a\n<think>"}], "options": {"thinking_mode": "chat", "add_default_bos_token": 0}})"
      "\n";
  const std::string prompt =
      R"({"prompt": "<｜User｜>a\n<think><｜Assistant｜></think>", "special_ranges": [[0, 12], [21, 38], [38, 46]])";
  EXPECT_EQ(rendered(line + line), prompt + "}\n" + prompt + "}\n");
  const std::string with_ids = rendered(line, true);
  EXPECT_EQ(with_ids.find(prompt + ", \"ids\": [900, 67, 201, "), 0u) << with_ids;
  EXPECT_EQ(with_ids.find("902"), std::string::npos) << "content became a control token";
  EXPECT_EQ(with_ids.substr(with_ids.size() - 13), ", 901, 903]}\n");
  EXPECT_EQ(rendered(""), "");
}

TEST(Render, ABadLineDoesNotEndTheRun) {
  const std::string good = R"({"messages": [], "options": {"thinking_mode": "?"}})";
  for (const std::string bad :
       {"", "x", "[]", R"({"messages": {}, "options": {"thinking_mode": "chat"}})", R"({"messages": []})",
        R"({"messages": [], "options": {}})",
        R"({"messages": [], "options": {"thinking_mode": "chat", "context": 1}})",
        R"({"messages": [{"role": "boss"}], "options": {"thinking_mode": "chat"}})",
        "{\"messages\": \"\xFF\"}",
        R"({"messages": [{"role": "user", "content": "\ud800"}], "options": {"thinking_mode": "chat"}})"}) {
    const std::string out = rendered(fmt::format("{}\n{}\n", bad, good));
    EXPECT_EQ(out.rfind("{\"error\":\"", 0), 0u) << bad << " -> " << out;
    EXPECT_EQ(out.substr(out.find('\n') + 1),
              "{\"prompt\": \"<｜begin▁of▁sentence｜>\", \"special_ranges\": [[0, 29]]}\n")
        << bad;
  }
}

TEST(Render, ParsesReplies) {
  EXPECT_EQ(
      parsed(R"({"completion": "r</think>c\ud83d<｜end▁of▁sentence｜>", "thinking": true})"
             "\n"
             R"({"completion": "r</think>c", "thinking": true})"
             "\n"
             R"({"thinking": true})"
             "\n"),
      R"({"message": {"role": "assistant", "content": "c\ud83d", "reasoning_content": "r", "tool_calls": []}})"
      "\n"
      R"({"error":"the reply is not well-formed: the turn does not end"})"
      "\n"
      R"({"error":"expected an object with a text \"completion\""})"
      "\n");
  EXPECT_EQ(
      parsed(
          R"({"completion": "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"})"),
      R"({"message": {"role": "assistant", "content": "", "reasoning_content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}})"
      "\n");
}

}  // namespace
}  // namespace hadal
