#include "tools/line_editor_keys.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "tools/line_editor_width.h"

namespace hadal {
namespace {

constexpr char kEsc = '\x1b';
constexpr std::string_view kPasteEnd = "\x1b[201~";
constexpr size_t kMaxSequence = 32;

std::optional<Key> key(KeyKind kind) { return Key{kind, {}}; }
std::optional<Key> control_key(char byte);
std::optional<Key> sequence_key(std::string_view parameters, char final_byte);
std::string cleaned_paste(std::string_view bytes);

}  // namespace

std::optional<Key> KeyDecoder::feed(char byte) {
  switch (state_) {
    case State::kGround:
      return ground(byte);
    case State::kEscape:
      return after_escape(byte);
    case State::kSequence:
      return sequence(byte);
    case State::kSingleShift:
      state_ = State::kGround;
      return sequence_key({}, byte);
    case State::kPaste:
      return paste(byte);
  }
  return std::nullopt;
}

std::optional<Key> KeyDecoder::flush() {
  if (!escape_pending()) return std::nullopt;
  state_ = State::kGround;
  return key(KeyKind::kEscape);
}

std::optional<Key> KeyDecoder::ground(char byte) {
  if (is_control(byte)) {
    held_.clear();  // an unfinished character before it
    if (byte != kEsc) return control_key(byte);
    state_ = State::kEscape;
    return std::nullopt;
  }
  held_ += byte;
  std::string text;
  const size_t taken = append_repaired_utf8(held_, text);
  held_.erase(0, taken);
  if (text.empty()) return std::nullopt;
  return Key{KeyKind::kText, std::move(text)};
}

std::optional<Key> KeyDecoder::after_escape(char byte) {
  state_ = State::kGround;
  switch (byte) {
    case '[':
      state_ = State::kSequence;
      return std::nullopt;
    case 'O':
      state_ = State::kSingleShift;
      return std::nullopt;
    case kEsc:
      state_ = State::kEscape;
      return key(KeyKind::kEscape);
    case '\r':
    case '\n':
      return key(KeyKind::kNewline);
    case 'b':
      return key(KeyKind::kWordLeft);
    case 'f':
      return key(KeyKind::kWordRight);
    case 'd':
      return key(KeyKind::kKillWordRight);
    case '\x7f':
    case '\b':
      return key(KeyKind::kKillWordLeft);
    default:
      return std::nullopt;
  }
}

std::optional<Key> KeyDecoder::sequence(char byte) {
  if (byte < 0x40 || byte > 0x7E) {  // a parameter
    held_ += byte;
    if (is_control(byte) || held_.size() > kMaxSequence) {
      held_.clear();
      state_ = State::kGround;
    }
    return std::nullopt;
  }
  const std::string parameters = std::exchange(held_, {});
  state_ = State::kGround;
  if (parameters == "200" && byte == '~') {
    state_ = State::kPaste;
    return std::nullopt;
  }
  return sequence_key(parameters, byte);
}

std::optional<Key> KeyDecoder::paste(char byte) {
  held_ += byte;
  if (!held_.ends_with(kPasteEnd)) return std::nullopt;
  held_.resize(held_.size() - kPasteEnd.size());
  state_ = State::kGround;
  return Key{KeyKind::kText, cleaned_paste(std::exchange(held_, {}))};
}

namespace {

std::optional<Key> control_key(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return key(KeyKind::kEnter);
    case '\t':
      return key(KeyKind::kTab);
    case '\x7f':
    case '\b':
      return key(KeyKind::kBackspace);
    case 'A' & 31:
      return key(KeyKind::kLineBegin);
    case 'B' & 31:
      return key(KeyKind::kLeft);
    case 'C' & 31:
      return key(KeyKind::kInterrupt);
    case 'D' & 31:
      return key(KeyKind::kEndOfInput);
    case 'E' & 31:
      return key(KeyKind::kLineEnd);
    case 'F' & 31:
      return key(KeyKind::kRight);
    case 'G' & 31:
      return key(KeyKind::kCancel);
    case 'K' & 31:
      return key(KeyKind::kKillLineRest);
    case 'L' & 31:
      return key(KeyKind::kClearScreen);
    case 'N' & 31:
      return key(KeyKind::kDown);
    case 'P' & 31:
      return key(KeyKind::kUp);
    case 'R' & 31:
      return key(KeyKind::kSearch);
    case 'U' & 31:
      return key(KeyKind::kKillLineBegin);
    case 'W' & 31:
      return key(KeyKind::kKillToSpace);
    case 'Y' & 31:
      return key(KeyKind::kYank);
    case 'Z' & 31:
      return key(KeyKind::kSuspend);
    default:
      return std::nullopt;
  }
}

// The sequence ESC [ parameters final, or ESC O final. A modifier (";5" Ctrl, ";3" Alt) makes an arrow a
// word's.
std::optional<Key> sequence_key(std::string_view parameters, char final_byte) {
  const size_t semicolon = parameters.find(';');
  const bool by_word = semicolon != std::string_view::npos && parameters.substr(semicolon) != ";2";
  switch (final_byte) {
    case 'A':
      return key(KeyKind::kUp);
    case 'B':
      return key(KeyKind::kDown);
    case 'C':
      return key(by_word ? KeyKind::kWordRight : KeyKind::kRight);
    case 'D':
      return key(by_word ? KeyKind::kWordLeft : KeyKind::kLeft);
    case 'H':
      return key(KeyKind::kLineBegin);
    case 'F':
      return key(KeyKind::kLineEnd);
    case '~':
      break;
    default:
      return std::nullopt;
  }
  const std::string_view number = parameters.substr(0, semicolon);
  if (number == "1" || number == "7") return key(KeyKind::kLineBegin);
  if (number == "4" || number == "8") return key(KeyKind::kLineEnd);
  if (number == "3") return key(by_word ? KeyKind::kKillWordRight : KeyKind::kDelete);
  return std::nullopt;
}

std::string cleaned_paste(std::string_view bytes) {
  std::string text;
  // A character that the end of the paste cut reads as U+FFFD.
  if (append_repaired_utf8(bytes, text) != bytes.size()) text += kReplacementCharacter;
  std::string cleaned;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool c1 = text[i] == '\xC2' && static_cast<uint8_t>(text[i + 1]) < 0xA0;
    if (text[i] == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') cleaned += '\n';
    } else if (c1) {
      ++i;
    } else if (!is_control(text[i]) || text[i] == '\n' || text[i] == '\t') {
      cleaned += text[i];
    }
  }
  return cleaned;
}

}  // namespace
}  // namespace hadal
