// Draws a prompt and the text being edited in place: the escape codes that turn what stands in the terminal
// into what should. Wide characters and wrapping are laid out here (line_editor_width.h); a text taller than
// the screen shows the part around the cursor. Never moves above the first row it drew, whatever the terminal
// was resized to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct ScreenSize {
  int columns = 80;
  int rows = 24;
};

struct EditorPicture {
  std::string_view prompt;        // before the first line
  std::string_view continuation;  // before each further one
  std::string_view text;
  size_t cursor = 0;      // byte offset in text
  bool coloured = false;  // the prompt in colour
};

class LineEditorView {
 public:
  // Bytes to write so that the picture replaces the last one.
  std::string draw(const EditorPicture& picture, ScreenSize size);
  // Bytes that leave the cursor at the start of a new line below the picture; the next draw() begins there.
  std::string finish();
  // The screen was cleared: the next draw() begins where the cursor is.
  void forget() { cursor_row_ = last_row_ = 0; }

 private:
  int cursor_row_ = 0;  // of the drawn rows, where the terminal's cursor is
  int last_row_ = 0;
};

}  // namespace hadal
