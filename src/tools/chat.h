// What `hadal chat` does: takes what a person types, keeps the conversation, lets the model answer.
//
// Answers go to `out`, everything else to `notes`. Nothing that goes wrong in a turn ends the chat or loses
// what was said before: the conversation is then as it was.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "engine/session.h"
#include "formats/config.h"
#include "text/literals.h"
#include "text/tokenizer.h"
#include "tools/chat_command.h"
#include "tools/chat_settings.h"
#include "tools/conversation.h"
#include "tools/terminal.h"

namespace hadal {

struct ChatSurface {
  std::ostream& out;
  std::ostream& notes;
  bool coloured = false;              // out takes escape codes
  std::function<bool()> interrupted;  // stop the answer; may be empty
};

class Chat {
 public:
  // All that is given must outlive the chat.
  Chat(Session& session, const Tokenizer& tokenizer, const ModelConfig& config, const ChatLiterals& literals,
       ChatSettings settings, ChatSurface surface);

  // One input, a command or something said. False: leave. Error(kIo) when `out` cannot be written.
  bool take(std::string_view input);

  // Error(kUsage) for a level that this model's format does not have.
  void set_thinking(std::string_view level);
  void set_system(std::string_view text) { conversation_.set_system(text); }
  void load(const std::string& path);
  const Conversation& conversation() const { return conversation_; }

 private:
  bool run(const ChatCommand& command);
  void say(std::string_view text);
  void regenerate();
  bool answer();
  std::vector<int32_t> render(const Conversation& conversation) const;
  bool has_room(int64_t tokens);
  GenerateResult generate(std::vector<int32_t> context, Reply& reply);
  void explain(const GenerateResult& result);
  void think(std::string_view argument);
  void system(std::string_view argument);
  void set(std::string_view argument);
  void stats();
  void note(const std::string& text);

  Session& session_;
  const Tokenizer& tokenizer_;
  const ModelConfig& config_;
  const ChatLiterals& literals_;
  ChatSettings settings_;
  ChatSurface surface_;
  Conversation conversation_;
  uint64_t regenerated_ = 0;  // how often: each has its own random numbers
  GenerateResult last_;
};

// Reads from the terminal until the person leaves. Error(kInterrupted) after Ctrl-C twice at the prompt.
void chat_loop(Chat& chat, Terminal& terminal, std::ostream& notes);

}  // namespace hadal
