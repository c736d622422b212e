// The terminal of `hadal chat`: reads lines (edited where that is possible, plainly elsewhere), says what the
// output may contain, and turns Ctrl-C into a flag while an answer is made.
//
// Lines are edited only when input and output are both terminals and TERM is not "dumb"; then the terminal is
// in raw mode inside read() and with echo off between reads, so that what is typed during an answer waits for
// the next prompt. However the program ends, the terminal is as it was: at destruction, and by the signal
// handlers. One object at a time, used by one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tools/line_editor.h"
#include "tools/line_editor_view.h"

namespace hadal {

class Terminal {
 public:
  // Takes over SIGINT, SIGTERM and SIGHUP.
  explicit Terminal(int in = 0, int out = 1);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Lines are edited. / A person sees the output. / Escape codes for colour are welcome there (NO_COLOR is
  // not set).
  bool edits() const { return edits_; }
  bool shows() const { return shows_; }
  bool coloured() const { return coloured_; }

  enum class Status { kLine, kEndOfInput, kInterrupted };
  struct Input {
    Status status = Status::kEndOfInput;
    std::string text;  // valid UTF-8 where edited; may hold newlines
  };
  // The next input, of several lines where it says so (continues()). Error(kIo) when reading fails.
  Input read(LineEditor& editor, std::string_view prompt, std::string_view continuation);

  // Ctrl-C was pressed since the last call of clear_interrupt(). A second one before that ends the program
  // with 130.
  static bool interrupted();
  static void clear_interrupt();

 private:
  Input read_edited(LineEditor& editor, std::string_view prompt, std::string_view continuation);
  Input read_plainly(std::string_view prompt, std::string_view continuation);
  std::optional<std::string> read_plain_line();
  ScreenSize screen_size() const;
  void write(std::string_view bytes) const;

  int in_;
  int out_;
  bool edits_;
  bool shows_;
  bool coloured_;
  bool prompts_;         // plain lines that a person types
  std::string pending_;  // read and not used yet
};

}  // namespace hadal
