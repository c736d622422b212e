// How a reply looks while it comes: reasoning dim, then the answer, calls of tools as NAME(ARGUMENTS).
//
// Control characters of the model never reach the terminal: what it writes cannot move the cursor.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "text/reply_parser.h"

namespace hadal {

class ChatView {
 public:
  // `coloured`: escape codes are welcome. Without it reasoning stands between lines that say so.
  ChatView(std::ostream& out, bool coloured, bool show_reasoning);
  ~ChatView() { end(); }
  ChatView(const ChatView&) = delete;
  ChatView& operator=(const ChatView&) = delete;

  void show(const ReplyDelta& delta);
  // Ends the line and the colour.
  void end();

 private:
  enum class Part { kNothing, kReasoning, kContent, kCall };
  void go_to(Part part);
  void write(std::string_view text);

  std::ostream& out_;
  bool coloured_;
  bool show_reasoning_;
  Part part_ = Part::kNothing;
  bool line_open_ = false;  // the last byte was no newline
};

// Without control characters except newline and tab: each of the others becomes U+FFFD.
std::string harmless_text(std::string_view text);

}  // namespace hadal
