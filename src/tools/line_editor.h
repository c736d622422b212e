// The line editor of `hadal chat`, as a state machine: bytes in, text and cursor out. It never touches a
// terminal (tools/terminal.h does) and draws nothing (tools/line_editor_view.h does), so every key is tested
// without one.
//
// Our own rather than libedit: the one in Debian 12 has no bracketed paste, measures characters by the
// process locale, edits one line only, and cannot be driven without a terminal. What is left to write is this
// small.
//
// Not thread-safe; owned by the thread that reads the terminal.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/line_editor_keys.h"

namespace hadal {

enum class EditorEvent {
  kNone,
  kSubmit,      // text() is the line
  kInterrupt,   // Ctrl-C at an empty prompt; elsewhere it clears the line
  kEndOfInput,  // Ctrl-D at an empty prompt
  kClearScreen,
  kSuspend,
  kChoices,  // Tab met several completions: show choices() above the prompt
};

class LineEditor {
 public:
  // The whole lines that may stand in place of `line`, in the order they are shown.
  using Completer = std::function<std::vector<std::string>(std::string_view line)>;

  explicit LineEditor(std::vector<std::string> history = {}, Completer completer = {});

  // An empty line again. History and what was killed stay.
  void clear();

  // Takes one byte. After an event the caller acts on it before the next byte.
  EditorEvent feed(char byte);
  // No byte followed a lone ESC for a while: it was the Escape key.
  bool escape_pending() const { return decoder_.escape_pending(); }
  EditorEvent flush_escape();

  // What to show: valid UTF-8 that may hold newlines, and a byte offset at the start of a character.
  std::string_view text() const { return text_; }
  size_t cursor() const { return cursor_; }
  // What is searched for in the history while Ctrl-R searches, else null.
  const std::string* search() const { return searching_ ? &query_ : nullptr; }
  const std::vector<std::string>& choices() const { return choices_; }

  // Newest last. Empty texts and repetitions of the newest are left out.
  const std::vector<std::string>& history() const { return history_; }
  void remember(std::string_view text);

 private:
  EditorEvent apply(const Key& key);
  EditorEvent apply_search(const Key& key);
  EditorEvent enter();
  EditorEvent complete();
  void insert(std::string_view text);
  void erase(size_t begin, size_t end);
  void kill(size_t begin, size_t end);
  void move_line(bool up);
  void show_history(size_t index);
  void find_older();
  size_t after_cursor() const;
  size_t line_begin() const;
  size_t line_end() const;
  size_t word_left() const;
  size_t word_right() const;
  size_t space_left() const;

  KeyDecoder decoder_;
  Completer completer_;
  std::string text_;
  size_t cursor_ = 0;
  std::string killed_;
  std::vector<std::string> choices_;

  std::vector<std::string> history_;
  size_t history_index_ = 0;  // history_.size() = the line being written
  std::string written_;       // that line while an older one is shown

  bool searching_ = false;
  std::string query_;
};

// Input of several lines, the same in the editor and where lines are read plainly: a line that ends in a
// backslash goes on (the backslash becomes the newline), and so does a text that opened with """ until the
// next """. True if `text` goes on; it then ends in the newline.
bool continues(std::string& text);
// A finished text without its quotes.
std::string without_quotes(std::string_view text);

}  // namespace hadal
