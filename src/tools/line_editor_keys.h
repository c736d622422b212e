// The bytes that a terminal sends -> keys: UTF-8, control characters, escape sequences, bracketed paste. Fed
// one byte at a time, so that a read may end anywhere; what cannot be understood is dropped, never inserted.
#pragma once

#include <optional>
#include <string>

namespace hadal {

enum class KeyKind {
  kText,  // one character, or a whole paste (newlines as \n, other control characters but tabs removed)
  kEnter,
  kNewline,  // Alt-Enter: a newline that does not submit
  kTab,
  kEscape,
  kBackspace,
  kDelete,
  kEndOfInput,  // Ctrl-D; deletes where there is text
  kLeft,
  kRight,
  kUp,
  kDown,
  kLineBegin,
  kLineEnd,
  kWordLeft,
  kWordRight,
  kKillLineRest,
  kKillLineBegin,
  kKillToSpace,  // Ctrl-W: back to the space before
  kKillWordLeft,
  kKillWordRight,
  kYank,
  kSearch,
  kCancel,
  kClearScreen,
  kSuspend,
  kInterrupt,
};

struct Key {
  KeyKind kind;
  std::string text;  // kText only; valid UTF-8
};

class KeyDecoder {
 public:
  std::optional<Key> feed(char byte);

  // True after a lone ESC, which may be the key itself or the start of a sequence. When nothing follows soon,
  // flush() says that it was the key.
  bool escape_pending() const { return state_ == State::kEscape; }
  std::optional<Key> flush();

 private:
  enum class State { kGround, kEscape, kSequence, kSingleShift, kPaste };

  std::optional<Key> ground(char byte);
  std::optional<Key> after_escape(char byte);
  std::optional<Key> sequence(char byte);
  std::optional<Key> paste(char byte);

  State state_ = State::kGround;
  std::string held_;  // of an unfinished character, sequence or paste
};

}  // namespace hadal
