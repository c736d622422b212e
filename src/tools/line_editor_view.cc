#include "tools/line_editor_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/line_editor_width.h"

namespace hadal {
namespace {

constexpr int kMinColumns = 8;

// One row of the screen. Where it `wraps`, the next one goes on without a newline.
struct Row {
  std::string bytes;
  int cells = 0;
  bool wraps = false;
};

struct Layout {
  std::vector<Row> rows;
  int cursor_row = 0;
  int cursor_column = 0;
};

Layout lay_out(const EditorPicture& picture, int columns);
std::string shown(std::string_view grapheme);
void append_moved_up(std::string& out, int rows);

}  // namespace

std::string LineEditorView::draw(const EditorPicture& picture, ScreenSize size) {
  const int columns = std::max(size.columns, kMinColumns);
  const Layout layout = lay_out(picture, columns);
  const int count = static_cast<int>(layout.rows.size());
  const int height = std::clamp(size.rows - 1, 1, count);
  const int first = std::clamp(layout.cursor_row - height / 2, 0, count - height);

  std::string out;
  append_moved_up(out, cursor_row_);
  out += '\r';
  for (int i = first; i < first + height; ++i) {
    const Row& row = layout.rows[i];
    out += row.bytes;
    // A full row leaves the cursor on its last cell, which erasing would take; the next character wraps by
    // itself.
    const bool full = row.cells >= columns;
    if (!full) out += "\x1b[K";
    const bool last = i + 1 == first + height;
    if (!last && !(row.wraps && !layout.rows[i + 1].bytes.empty())) out += "\r\n";
    if (last && !full) out += "\x1b[J";
  }
  cursor_row_ = layout.cursor_row - first;
  last_row_ = height - 1;
  append_moved_up(out, last_row_ - cursor_row_);
  out += '\r';
  if (layout.cursor_column > 0) out += fmt::format("\x1b[{}C", layout.cursor_column);
  return out;
}

std::string LineEditorView::finish() {
  std::string out;
  if (last_row_ > cursor_row_) out = fmt::format("\x1b[{}B", last_row_ - cursor_row_);
  forget();
  return out + "\r\n";
}

namespace {

Layout lay_out(const EditorPicture& picture, int columns) {
  Layout layout;
  const auto begin_line = [&](std::string_view prompt) {
    Row row;
    row.cells = cells_of(prompt);
    row.bytes = picture.coloured ? fmt::format("\x1b[1;36m{}\x1b[0m", prompt) : std::string(prompt);
    layout.rows.push_back(std::move(row));
  };
  const auto wrap = [&] {
    layout.rows.back().wraps = true;
    layout.rows.emplace_back();
  };
  const auto mark_cursor = [&] {
    layout.cursor_row = static_cast<int>(layout.rows.size()) - 1;
    layout.cursor_column = layout.rows.back().cells;
  };
  begin_line(picture.prompt);
  for (size_t at = 0; at < picture.text.size();) {
    const Grapheme g = next_grapheme(picture.text.substr(at));
    // The cursor stands where its character will: after the wrap that the character causes.
    if (layout.rows.back().cells + std::max(g.cells, picture.text[at] == '\n' ? 0 : 1) > columns) wrap();
    if (at == picture.cursor) mark_cursor();
    if (picture.text[at] == '\n') {
      if (layout.rows.back().cells == columns && at == picture.cursor) {
        wrap();
        mark_cursor();
      }
      begin_line(picture.continuation);
    } else {
      layout.rows.back().bytes += shown(picture.text.substr(at, g.size));
      layout.rows.back().cells += g.cells;
    }
    at += g.size;
  }
  if (layout.rows.back().cells >= columns) wrap();
  if (picture.cursor >= picture.text.size()) mark_cursor();
  return layout;
}

std::string shown(std::string_view grapheme) {
  if (grapheme == "\t") return "    ";
  if (!is_control(grapheme[0])) return std::string(grapheme);
  return {'^', static_cast<char>(grapheme[0] ^ 0x40)};
}

void append_moved_up(std::string& out, int rows) {
  if (rows > 0) out += fmt::format("\x1b[{}A", rows);
}

}  // namespace
}  // namespace hadal
