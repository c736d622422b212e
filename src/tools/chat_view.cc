#include "tools/chat_view.h"

#include <ostream>

#include "base/utf8.h"

namespace hadal {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_control(uint32_t code_point) {
  return (code_point < 0x20 && code_point != '\n' && code_point != '\t') ||
         (code_point >= 0x7F && code_point < 0xA0);
}

}  // namespace

std::string harmless_text(std::string_view text) {
  std::string shown;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid || is_control(c.code_point)) {
      shown += kReplacementCharacter;
    } else {
      shown.append(p, c.size);
    }
    p += c.size;
  }
  return shown;
}

ChatView::ChatView(std::ostream& out, bool coloured, bool show_reasoning)
    : out_(out), coloured_(coloured), show_reasoning_(show_reasoning) {}

void ChatView::show(const ReplyDelta& delta) {
  switch (delta.kind) {
    case ReplyDelta::Kind::kReasoning:
      if (!show_reasoning_) return;
      go_to(Part::kReasoning);
      return write(delta.text);
    case ReplyDelta::Kind::kContent:
      go_to(Part::kContent);
      return write(delta.text);
    case ReplyDelta::Kind::kCallBegin:
      go_to(Part::kCall);
      write("[call] ");
      write(delta.text);
      return write("(");
    case ReplyDelta::Kind::kCallArguments:
      return write(delta.text);
    case ReplyDelta::Kind::kCallEnd:
      write(delta.complete ? ")\n" : " ... (cut)\n");
      part_ = Part::kNothing;
      return;
  }
}

void ChatView::end() {
  go_to(Part::kNothing);
  if (line_open_) write("\n");
}

void ChatView::go_to(Part part) {
  if (part == part_) return;
  if (part_ == Part::kReasoning) {
    if (coloured_) out_ << kPlain;
    write(line_open_ ? "\n" : "");
    write(coloured_ ? "\n" : "(end of reasoning)\n");
  }
  if (part == Part::kCall && line_open_) write("\n");
  if (part == Part::kReasoning) {
    if (coloured_) {
      out_ << kDim;
    } else {
      write("(reasoning)\n");
    }
  }
  part_ = part;
}

void ChatView::write(std::string_view text) {
  if (text.empty()) return;
  out_ << harmless_text(text);
  out_.flush();
  line_open_ = !text.ends_with('\n');
}

}  // namespace hadal
