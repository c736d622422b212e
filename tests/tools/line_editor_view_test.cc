#include "tools/line_editor_view.h"

#include <gtest/gtest.h>

#include "tools/line_editor_width.h"

namespace hadal {
namespace {

// A terminal, as far as the view needs one: cells, wrapping that waits for the next character, scrolling.
class Screen {
 public:
  explicit Screen(ScreenSize size)
      : size_(size), rows_(size.rows, std::vector<std::string>(size.columns, " ")) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.starts_with("\x1b[")) {
        const size_t end = bytes.find_first_not_of("0123456789;", 2);
        const std::string parameters(bytes.substr(2, end - 2));
        command(parameters.empty() ? 1 : std::stoi(parameters), bytes[end]);
        bytes.remove_prefix(end + 1);
      } else if (bytes[0] == '\r') {
        column_ = 0;
        bytes.remove_prefix(1);
      } else if (bytes[0] == '\n') {
        line_feed();
        bytes.remove_prefix(1);
      } else {
        const Grapheme g = next_grapheme(bytes);
        put(std::string(bytes.substr(0, g.size)), g.cells);
        bytes.remove_prefix(g.size);
      }
    }
  }

  // All rows down to the last that is not empty, without spaces at their ends, '|' in place of the cursor's
  // cell.
  std::string text() const {
    std::string all;
    for (int r = 0; r < size_.rows; ++r) {
      std::string row;
      for (int c = 0; c < size_.columns; ++c) row += r == row_ && c == column_ ? "|" : rows_[r][c];
      row.erase(row.find_last_not_of(' ') + 1);
      all += row + "\n";
    }
    all.erase(all.find_last_not_of('\n') + 1);
    return all;
  }

 private:
  void command(int n, char what) {
    switch (what) {
      case 'A':
        row_ = std::max(0, row_ - n);
        break;
      case 'B':
        row_ = std::min(size_.rows - 1, row_ + n);
        break;
      case 'C':
        column_ = std::min(size_.columns - 1, column_ + n);
        break;
      case 'K':
        erase_row();
        break;
      case 'J':
        erase_row();
        for (int r = row_ + 1; r < size_.rows; ++r) rows_[r].assign(size_.columns, " ");
        break;
      case 'm':
        break;
      default:
        FAIL() << "no command " << what;
    }
  }
  void erase_row() {
    // At the end of a full row a terminal erases the last character: the view must not do this.
    ASSERT_LT(column_, size_.columns);
    for (int c = column_; c < size_.columns; ++c) rows_[row_][c] = " ";
  }
  void line_feed() {
    if (row_ + 1 < size_.rows) {
      ++row_;
      return;
    }
    rows_.erase(rows_.begin());
    rows_.emplace_back(size_.columns, " ");
  }
  void put(const std::string& grapheme, int cells) {
    if (column_ + cells > size_.columns) {
      column_ = 0;
      line_feed();
    }
    rows_[row_][column_] = grapheme;
    for (int c = 1; c < cells; ++c) rows_[row_][column_ + c] = "";
    column_ += cells;
  }

  ScreenSize size_;
  std::vector<std::vector<std::string>> rows_;
  int row_ = 0;
  int column_ = 0;  // = columns: the next character wraps
};

EditorPicture picture(std::string_view text, size_t cursor) {
  return {.prompt = "> ", .continuation = ". ", .text = text, .cursor = cursor, .coloured = true};
}

std::string drawn(std::string_view text, size_t cursor, ScreenSize size = {10, 8}) {
  Screen screen(size);
  LineEditorView view;
  screen.write(view.draw(picture(text, cursor), size));
  return screen.text();
}

TEST(LineEditorView, Rows) {
  EXPECT_EQ(drawn("", 0), "> |");
  EXPECT_EQ(drawn("abc", 1), "> a|c");
  EXPECT_EQ(drawn("abcdefgh", 8), "> abcdefgh\n|");
  EXPECT_EQ(drawn("abcdefgh", 7), "> abcdefg|");
  EXPECT_EQ(drawn("abcdefghij", 10), "> abcdefgh\nij|");
  EXPECT_EQ(drawn("abcdefghij", 8), "> abcdefgh\n|j");
  EXPECT_EQ(drawn("ab\ncd", 5), "> ab\n. cd|");
  EXPECT_EQ(drawn("ab\ncd", 2), "> ab|\n. cd");
  EXPECT_EQ(drawn("abcdefgh\ncd", 8), "> abcdefgh\n|\n. cd");
  EXPECT_EQ(drawn("abcdefgh\ncd", 11), "> abcdefgh\n. cd|");
  EXPECT_EQ(drawn("ab\n", 3), "> ab\n. |");
  EXPECT_EQ(drawn("\x01\t.", 3), "> ^A    .|");
}

TEST(LineEditorView, WideCharacters) {
  const std::string han = "\xE6\xBC\xA2";
  EXPECT_EQ(drawn(han + "x", 3), "> " + han + "|");
  // One cell is left at the end of the row: the wide character goes to the next one.
  EXPECT_EQ(drawn("abcdefg" + han + "h", 11), "> abcdefg\n" + han + "h|");
  EXPECT_EQ(drawn("abcdefg" + han, 7), "> abcdefg\n|");
  EXPECT_EQ(drawn("e\xCC\x81x", 3), "> e\xCC\x81|");
}

TEST(LineEditorView, ReplacesWhatItDrew) {
  const ScreenSize size{10, 8};
  Screen screen(size);
  screen.write("answer\r\n");
  LineEditorView view;
  for (const std::string text : {"abcdefghijklmnopqrst", "abc", "a\nb\nc", "abcdefgh", "abcdefghi", ""}) {
    for (size_t cursor = 0; cursor <= text.size(); ++cursor) {
      screen.write(view.draw(picture(text, cursor), size));
      EXPECT_EQ(screen.text(), "answer\n" + drawn(text, cursor)) << text << " " << cursor;
    }
  }
  screen.write(view.draw(picture("a\nb", 0), size));
  screen.write(view.finish());
  screen.write(view.draw(picture("next", 4), size));
  EXPECT_EQ(screen.text(), "answer\n> a\n. b\n> next|");
}

TEST(LineEditorView, TallerThanTheScreen) {
  std::string text = "0";
  for (int i = 1; i < 20; ++i) text += "\n" + std::to_string(i);
  const ScreenSize size{10, 6};
  EXPECT_EQ(drawn(text, text.size(), size), ". 15\n. 16\n. 17\n. 18\n. 19|");
  EXPECT_EQ(drawn(text, 0, size), "> |\n. 1\n. 2\n. 3\n. 4");
  Screen screen(size);
  LineEditorView view;
  for (size_t cursor = text.size(); cursor-- > 0;) screen.write(view.draw(picture(text, cursor), size));
  EXPECT_EQ(screen.text(), drawn(text, 0, size));
}

TEST(LineEditorView, AResizedTerminal) {
  LineEditorView view;
  const std::string text = "abcdefghijklmnop";
  view.draw(picture(text, text.size()), {10, 8});
  // Narrower: it draws more rows, and moves up by no more than it had drawn.
  EXPECT_TRUE(view.draw(picture(text, text.size()), {8, 8}).starts_with("\x1b[1A\r"));
  EXPECT_TRUE(view.draw(picture(text, text.size()), {1, 1}).starts_with("\x1b[2A\r"));
}

}  // namespace
}  // namespace hadal
