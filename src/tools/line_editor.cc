#include "tools/line_editor.h"

#include <algorithm>
#include <utility>

#include "tools/line_editor_width.h"

namespace hadal {
namespace {

constexpr size_t kMaxHistory = 1000;
constexpr std::string_view kQuotes = "\"\"\"";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }
// Of a word that Alt-B and its like walk over; every character outside ASCII is.
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         static_cast<uint8_t>(c) >= 0x80;
}
std::string common_start(const std::vector<std::string>& texts);

}  // namespace

LineEditor::LineEditor(std::vector<std::string> history, Completer completer)
    : completer_(std::move(completer)), history_(std::move(history)), history_index_(history_.size()) {}

void LineEditor::clear() {
  text_.clear();
  cursor_ = 0;
  searching_ = false;
  history_index_ = history_.size();
  written_.clear();
}

void LineEditor::remember(std::string_view text) {
  if (!text.empty() && (history_.empty() || history_.back() != text)) history_.emplace_back(text);
  if (history_.size() > kMaxHistory) history_.erase(history_.begin());
  history_index_ = history_.size();
}

EditorEvent LineEditor::feed(char byte) {
  const auto key = decoder_.feed(byte);
  return key ? apply(*key) : EditorEvent::kNone;
}

EditorEvent LineEditor::flush_escape() {
  const auto key = decoder_.flush();
  return key ? apply(*key) : EditorEvent::kNone;
}

EditorEvent LineEditor::apply(const Key& key) {
  if (searching_) return apply_search(key);
  switch (key.kind) {
    case KeyKind::kText:
      insert(key.text);
      break;
    case KeyKind::kNewline:
      insert("\n");
      break;
    case KeyKind::kEnter:
      return enter();
    case KeyKind::kTab:
      return complete();
    case KeyKind::kBackspace:
      if (cursor_ > 0) erase(grapheme_before(text_, cursor_), cursor_);
      break;
    case KeyKind::kEndOfInput:
      if (text_.empty()) return EditorEvent::kEndOfInput;
      [[fallthrough]];
    case KeyKind::kDelete:
      if (cursor_ < text_.size()) erase(cursor_, after_cursor());
      break;
    case KeyKind::kLeft:
      if (cursor_ > 0) cursor_ = grapheme_before(text_, cursor_);
      break;
    case KeyKind::kRight:
      if (cursor_ < text_.size()) cursor_ = after_cursor();
      break;
    case KeyKind::kUp:
      move_line(true);
      break;
    case KeyKind::kDown:
      move_line(false);
      break;
    case KeyKind::kLineBegin:
      cursor_ = line_begin();
      break;
    case KeyKind::kLineEnd:
      cursor_ = line_end();
      break;
    case KeyKind::kWordLeft:
      cursor_ = word_left();
      break;
    case KeyKind::kWordRight:
      cursor_ = word_right();
      break;
    case KeyKind::kKillLineRest:
      kill(cursor_, cursor_ == line_end() ? cursor_ + 1 : line_end());
      break;
    case KeyKind::kKillLineBegin:
      kill(line_begin(), cursor_);
      break;
    case KeyKind::kKillToSpace:
      kill(space_left(), cursor_);
      break;
    case KeyKind::kKillWordLeft:
      kill(word_left(), cursor_);
      break;
    case KeyKind::kKillWordRight:
      kill(cursor_, word_right());
      break;
    case KeyKind::kYank:
      insert(killed_);
      break;
    case KeyKind::kSearch:
      searching_ = true;
      query_.clear();
      break;
    case KeyKind::kClearScreen:
      return EditorEvent::kClearScreen;
    case KeyKind::kSuspend:
      return EditorEvent::kSuspend;
    case KeyKind::kInterrupt:
      if (text_.empty()) return EditorEvent::kInterrupt;
      clear();
      break;
    case KeyKind::kEscape:
    case KeyKind::kCancel:
      break;
  }
  return EditorEvent::kNone;
}

// Ctrl-R again looks further back, text narrows the search, Ctrl-G or Ctrl-C gives it up; any other key takes
// what was found and acts on it.
EditorEvent LineEditor::apply_search(const Key& key) {
  switch (key.kind) {
    case KeyKind::kText:
      query_ += key.text;
      if (text_.find(query_) == std::string::npos) find_older();
      break;
    case KeyKind::kBackspace:
      if (!query_.empty()) query_.resize(grapheme_before(query_, query_.size()));
      break;
    case KeyKind::kSearch:
      find_older();
      break;
    case KeyKind::kCancel:
    case KeyKind::kInterrupt:
      show_history(history_.size());
      searching_ = false;
      break;
    default:
      searching_ = false;
      return apply(key);
  }
  return EditorEvent::kNone;
}

EditorEvent LineEditor::enter() {
  std::string text = text_;
  if (!continues(text)) return EditorEvent::kSubmit;
  text_ = std::move(text);
  cursor_ = text_.size();
  return EditorEvent::kNone;
}

EditorEvent LineEditor::complete() {
  choices_ = completer_ ? completer_(std::string_view(text_).substr(0, cursor_)) : std::vector<std::string>();
  if (choices_.empty()) return EditorEvent::kNone;
  const std::string start = common_start(choices_);
  if (start.size() <= cursor_ && choices_.size() > 1) return EditorEvent::kChoices;
  text_.replace(0, cursor_, start);
  cursor_ = start.size();
  return EditorEvent::kNone;
}

void LineEditor::insert(std::string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void LineEditor::erase(size_t begin, size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void LineEditor::kill(size_t begin, size_t end) {
  end = std::min(end, text_.size());
  if (begin == end) return;
  killed_ = text_.substr(begin, end - begin);
  erase(begin, end);
}

// To the line above or below within the text, keeping the column; from the first and last line into the
// history.
void LineEditor::move_line(bool up) {
  const size_t begin = line_begin();
  const size_t end = line_end();
  if (up ? begin == 0 : end == text_.size()) {
    if (up ? history_index_ > 0 : history_index_ < history_.size())
      show_history(up ? history_index_ - 1 : history_index_ + 1);
    return;
  }
  const std::string_view text = text_;
  const int column = cells_of(text.substr(begin, cursor_ - begin));
  cursor_ = up ? begin - 1 : end + 1;
  cursor_ = line_begin();
  const size_t stop = line_end();
  for (int cells = 0; cursor_ < stop;) {
    const Grapheme g = next_grapheme(text.substr(cursor_, stop - cursor_));
    cells += g.cells;
    if (cells > column) break;
    cursor_ += g.size;
  }
}

void LineEditor::show_history(size_t index) {
  if (history_index_ == history_.size() && index != history_index_) written_ = text_;
  history_index_ = index;
  text_ = index == history_.size() ? written_ : history_[index];
  cursor_ = text_.size();
}

void LineEditor::find_older() {
  for (size_t i = history_index_; i-- > 0;) {
    const size_t at = history_[i].find(query_);
    if (at == std::string::npos) continue;
    show_history(i);
    cursor_ = at;
    return;
  }
}

size_t LineEditor::after_cursor() const {
  return cursor_ + next_grapheme(std::string_view(text_).substr(cursor_)).size;
}

size_t LineEditor::line_begin() const {
  const size_t newline = cursor_ == 0 ? std::string::npos : text_.rfind('\n', cursor_ - 1);
  return newline == std::string::npos ? 0 : newline + 1;
}

size_t LineEditor::line_end() const { return std::min(text_.find('\n', cursor_), text_.size()); }

size_t LineEditor::word_left() const {
  size_t at = cursor_;
  while (at > 0 && !is_word(text_[at - 1])) --at;
  while (at > 0 && is_word(text_[at - 1])) --at;
  return at;
}

size_t LineEditor::word_right() const {
  size_t at = cursor_;
  while (at < text_.size() && !is_word(text_[at])) ++at;
  while (at < text_.size() && is_word(text_[at])) ++at;
  return at;
}

size_t LineEditor::space_left() const {
  size_t at = cursor_;
  while (at > 0 && is_space(text_[at - 1])) --at;
  while (at > 0 && !is_space(text_[at - 1])) --at;
  return at;
}

bool continues(std::string& text) {
  if (text.ends_with('\\')) {
    text.back() = '\n';
    return true;
  }
  if (!text.starts_with(kQuotes) || text.find(kQuotes, kQuotes.size()) != std::string::npos) return false;
  text += '\n';
  return true;
}

std::string without_quotes(std::string_view text) {
  const size_t closing = text.find(kQuotes, kQuotes.size());
  const bool quoted = text.starts_with(kQuotes) && closing == text.size() - kQuotes.size() &&
                      text.size() >= 2 * kQuotes.size();
  if (!quoted) return std::string(text);
  text = text.substr(kQuotes.size(), closing - kQuotes.size());
  if (text.starts_with('\n')) text.remove_prefix(1);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

namespace {

std::string common_start(const std::vector<std::string>& texts) {
  std::string start = texts.front();
  for (const std::string& text : texts) {
    const auto differ = std::ranges::mismatch(start, text);
    start.erase(differ.in1, start.end());
  }
  return start;
}

}  // namespace
}  // namespace hadal
