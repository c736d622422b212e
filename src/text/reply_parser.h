// Replies -> reasoning, content and tool calls, as a stream: what arrives in pieces comes out in
// pieces, and what may be the beginning of markup is held back until it is clear. How the text was cut
// changes nothing.
//
// Strict raises an Error exactly where the reference's parser of whole texts raises. Lenient never raises and
// swallows no text: reasoning without its end, missing line ends and end tags, text between calls come out as
// what they are; markup alone is dropped. Wherever strict succeeds, both give the same.
// A reply begins after the prompt's <think> or </think>.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_dialect.h"

namespace hadal {

enum class ReplyMode : uint8_t { kStrict, kLenient };

// The next thing in a reply.
struct ReplyDelta {
  enum class Kind : uint8_t {
    kReasoning,
    kContent,
    kCallBegin,      // text: the name, of V4.1 with its namespace
    kCallArguments,  // text: more of the arguments, which are JSON unless the model wrote something else
    kCallEnd,
  };
  Kind kind;
  std::string text;
  // Of a kCallEnd: the reply did not end inside the call. A call that is cut inside a value keeps its JSON
  // open.
  bool complete = false;
};

struct ToolCall {
  std::string name;
  std::string arguments;
  bool complete = false;
};

// A whole reply: the sum of its deltas.
struct Reply {
  std::string reasoning;
  std::string content;
  std::vector<ToolCall> calls;

  void add(const ReplyDelta& delta);
};

class ReplyParser {
 public:
  // `thinking`: the reply begins inside the reasoning.
  ReplyParser(ReplyMode mode, bool thinking, ChatDialect dialect = ChatDialect::kV4Preview);
  ~ReplyParser();
  ReplyParser(ReplyParser&&) noexcept;
  ReplyParser& operator=(ReplyParser&&) noexcept;

  // Text in which control tokens are spelt out.
  std::vector<ReplyDelta> feed(std::string_view text);
  // For replies that come as tokens: a control token, and text that holds none whatever it spells. So what a
  // model quotes is never taken for a call.
  std::vector<ReplyDelta> feed_markup(std::string_view token);
  std::vector<ReplyDelta> feed_content(std::string_view text);
  // The reply is over. Nothing may be fed after it.
  std::vector<ReplyDelta> finish();

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

Reply parse_reply(std::string_view text, ReplyMode mode, bool thinking,
                  ChatDialect dialect = ChatDialect::kV4Preview);

}  // namespace hadal
