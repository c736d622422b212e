#include "tools/line_editor.h"

#include <gtest/gtest.h>

#include "tools/line_editor_width.h"

namespace hadal {
namespace {

constexpr std::string_view kUp = "\x1b[A";
constexpr std::string_view kDown = "\x1b[B";
constexpr std::string_view kLeft = "\x1b[D";

// Feeds all bytes; the last event that was not kNone.
EditorEvent feed(LineEditor& editor, std::string_view bytes) {
  EditorEvent last = EditorEvent::kNone;
  for (const char byte : bytes) {
    const EditorEvent event = editor.feed(byte);
    if (event != EditorEvent::kNone) last = event;
  }
  return last;
}

// The text with '|' at the cursor.
std::string shown(const LineEditor& editor) {
  std::string text(editor.text());
  return text.insert(editor.cursor(), "|");
}

std::string after(std::string_view bytes) {
  LineEditor editor;
  EXPECT_EQ(feed(editor, bytes), EditorEvent::kNone);
  return shown(editor);
}

TEST(LineEditor, Keys) {
  const struct {
    std::string bytes, expected;
  } cases[] = {
      {"abc", "abc|"},
      {"abc\x1b[D\x1b[DX", "aX|bc"},
      {"abc\x01X", "X|abc"},
      {"abc\x01X\x05Y", "XabcY|"},
      {"abc\x1b[HX\x1b[FY", "XabcY|"},
      {"abc\x1bOHX\x1bOFY", "XabcY|"},
      {"abc\x1b[1~X\x1b[4~Y", "XabcY|"},
      {"abc\x02\x02\x04", "a|c"},
      {"abc\x01\x1b[3~", "|bc"},
      {"abc\x7f\b", "a|"},
      {"\x7f\x1b[D\x1b[C\x1b[3~", "|"},
      {"one two.three\x17", "one |"},
      {"one two.three\x1b\x7f", "one two.|"},
      {"one two  \x17\x19\x19", "one two  two  |"},
      {"one two\x1b[1;5DX\x1b[1;3DY", "one Y|Xtwo"},
      {"one two\x1b"
       "b\x1b"
       "bX\x1b"
       "fY",
       "XoneY| two"},
      {"one two\x01\x1b"
       "d",
       "| two"},
      {"abc\x02\x0b", "ab|"},
      {"abc\x02\x15", "|c"},
      {"a\x1b\rb", "a\nb|"},
      {"a\x1b\nb\x01\x0b\x19", "a\nb|"},
      {"\x1b[99;99Zx\x1b[?1;2cy", "xy|"},  // unknown sequences go nowhere
      {"\x1b[1\x01x", "x|"},               // a broken one ends at a control character
      {"\x1bqx", "x|"},
      {"\x1b\x1b[Dx", "x|"},
      {"a\x0f\x14"
       "b",
       "ab|"},  // keys without a meaning
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.expected);
    EXPECT_EQ(after(c.bytes), c.expected);
  }
}

TEST(LineEditor, WholeCharacters) {
  const std::string family = "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7";  // two people and a joiner
  const std::string flag = "\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7";
  for (const std::string& character :
       {std::string("\xC3\xA9"), std::string("e\xCC\x81"), std::string("\xE6\xBC\xA2"), family, flag,
        std::string("\xE2\x9D\xA4\xEF\xB8\x8F")}) {
    SCOPED_TRACE(character);
    EXPECT_EQ(after("a" + character + "b\x1b[D\x7f"), "a|b");
    EXPECT_EQ(after("a" + character + "b\x1b[D\x1b[DX"), "aX|" + character + "b");
    EXPECT_EQ(after("a" + character + "b\x01\x1b[C\x1b[3~"), "a|b");
  }
  EXPECT_EQ(after("a" + flag + flag + "\x7f"), "a" + flag + "|");
}

TEST(LineEditor, BytesThatAreNoCharacters) {
  EXPECT_EQ(after("a\xFFz"), "a\xEF\xBF\xBDz|");
  EXPECT_EQ(after("a\xE6\xBC"
                  "z"),
            "a\xEF\xBF\xBDz|");
  EXPECT_EQ(after("a\xE6\xBC\x01z"), "z|a");
  EXPECT_EQ(after("a\xE6\xBC"), "a|");
}

TEST(LineEditor, Events) {
  LineEditor editor;
  EXPECT_EQ(feed(editor, "\x03"), EditorEvent::kInterrupt);
  EXPECT_EQ(feed(editor, "\x04"), EditorEvent::kEndOfInput);
  EXPECT_EQ(feed(editor, "abc\x03"), EditorEvent::kNone);
  EXPECT_EQ(shown(editor), "|");
  EXPECT_EQ(feed(editor, "abc\x04\x0c"), EditorEvent::kClearScreen);
  EXPECT_EQ(feed(editor, "\x1a"), EditorEvent::kSuspend);
  EXPECT_EQ(feed(editor, "\r"), EditorEvent::kSubmit);
  EXPECT_EQ(shown(editor), "abc|");
  editor.clear();
  EXPECT_EQ(feed(editor, "\n"), EditorEvent::kSubmit);
}

TEST(LineEditor, EscapeAlone) {
  LineEditor editor({"old"});
  feed(editor, "\x12o\x1b");
  EXPECT_TRUE(editor.escape_pending());
  EXPECT_EQ(editor.flush_escape(), EditorEvent::kNone);
  EXPECT_EQ(editor.search(), nullptr);
  EXPECT_FALSE(editor.escape_pending());
  feed(editor, "b");
  EXPECT_EQ(shown(editor), "b|old");
}

TEST(LineEditor, PasteIsTextWhateverItHolds) {
  LineEditor editor;
  EXPECT_EQ(feed(editor, "x\x1b[200~one\r\ntwo\rthree\n\tfour\x03\x04\x07\x1b[A\xC2\x9B!\x1b[201~y"),
            EditorEvent::kNone);
  EXPECT_EQ(shown(editor), "xone\ntwo\nthree\n\tfour[A!y|");
  editor.clear();
  feed(editor, "\x1b[200~\xE6\x1b[201~");
  EXPECT_EQ(shown(editor), "\xEF\xBF\xBD|");
  editor.clear();
  feed(editor, "\x1b[200~a\xE6\xBC\x1b[201~b");
  EXPECT_EQ(shown(editor),
            "a\xEF\xBF\xBD"
            "b|");
}

TEST(LineEditor, RandomBytesKeepTheInvariants) {
  uint64_t random = 1;
  LineEditor editor({"one", "two\nlines"},
                    [](std::string_view line) { return std::vector<std::string>{std::string(line) + "x"}; });
  for (int i = 0; i < 200000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const auto value = static_cast<uint32_t>(random >> 40);
    const EditorEvent event =
        editor.feed(static_cast<char>(value % 3 == 0 ? value >> 8 & 31 : value >> 8 & 255));
    ASSERT_LE(editor.cursor(), editor.text().size());
    ASSERT_TRUE(editor.cursor() == editor.text().size() || (editor.text()[editor.cursor()] & 0xC0) != 0x80);
    if (event == EditorEvent::kSubmit || editor.text().size() > 500) {
      editor.remember(editor.text());
      editor.clear();
    }
  }
}

TEST(LineEditor, SeveralLines) {
  LineEditor editor;
  EXPECT_EQ(feed(editor, "one\\\rtwo"), EditorEvent::kNone);
  EXPECT_EQ(shown(editor), "one\ntwo|");
  EXPECT_EQ(feed(editor, "\r"), EditorEvent::kSubmit);
  editor.clear();
  EXPECT_EQ(feed(editor, "\"\"\"\rone\\\r\rtwo\r\"\"\""), EditorEvent::kNone);
  EXPECT_EQ(feed(editor, "\r"), EditorEvent::kSubmit);
  EXPECT_EQ(without_quotes(editor.text()), "one\n\ntwo");
}

TEST(LineEditor, MovesBetweenLines) {
  LineEditor editor({"old"});
  feed(editor, "\x1b[200~abcdef\n\xE6\xBC\xA2\xE5\xAD\x97z\nxy\x1b[201~");
  feed(editor, std::string(kLeft) + std::string(kUp));
  EXPECT_EQ(shown(editor),
            "abcdef\n|\xE6\xBC\xA2\xE5\xAD\x97z\nxy");  // column 1 lies inside the wide character
  feed(editor, "\x1b[C");
  feed(editor, kUp);
  EXPECT_EQ(shown(editor), "ab|cdef\n\xE6\xBC\xA2\xE5\xAD\x97z\nxy");
  feed(editor, "\x05");
  feed(editor, kDown);
  EXPECT_EQ(shown(editor), "abcdef\n\xE6\xBC\xA2\xE5\xAD\x97z|\nxy");
  feed(editor, kUp);
  feed(editor, kUp);
  EXPECT_EQ(shown(editor), "old|");
  feed(editor, kDown);
  EXPECT_EQ(shown(editor), "abcdef\n\xE6\xBC\xA2\xE5\xAD\x97z\nxy|");
}

TEST(LineEditor, History) {
  LineEditor editor({"one"});
  editor.remember("two");
  editor.remember("two");
  editor.remember("");
  EXPECT_EQ(editor.history(), (std::vector<std::string>{"one", "two"}));
  feed(editor, "new");
  feed(editor, kUp);
  EXPECT_EQ(shown(editor), "two|");
  feed(editor, kUp);
  feed(editor, kUp);
  EXPECT_EQ(shown(editor), "one|");
  feed(editor, kDown);
  feed(editor, kDown);
  feed(editor, kDown);
  EXPECT_EQ(shown(editor), "new|");
  editor.clear();
  feed(editor, kUp);
  EXPECT_EQ(shown(editor), "two|");
  for (int i = 0; i < 1500; ++i) editor.remember(std::to_string(i));
  EXPECT_EQ(editor.history().size(), 1000u);
  EXPECT_EQ(editor.history().back(), "1499");
}

TEST(LineEditor, Search) {
  LineEditor editor({"find me", "another", "find this"});
  feed(editor, "new\x12");
  ASSERT_NE(editor.search(), nullptr);
  feed(editor, "find");
  EXPECT_EQ(shown(editor), "|find this");
  feed(editor, "\x12");
  EXPECT_EQ(shown(editor), "|find me");
  feed(editor, "\x12");
  EXPECT_EQ(shown(editor), "|find me");
  EXPECT_EQ(*editor.search(), "find");
  feed(editor, "\x07");
  EXPECT_EQ(editor.search(), nullptr);
  EXPECT_EQ(shown(editor), "new|");
  EXPECT_EQ(feed(editor, "\x12no\r"), EditorEvent::kSubmit);
  EXPECT_EQ(editor.text(), "another");
}

TEST(LineEditor, Completion) {
  LineEditor editor({}, [](std::string_view line) {
    std::vector<std::string> found;
    for (const char* const word : {"/save ", "/set ", "/stats"})
      if (std::string_view(word).starts_with(line)) found.emplace_back(word);
    return found;
  });
  EXPECT_EQ(feed(editor, "/\t"), EditorEvent::kNone);
  EXPECT_EQ(shown(editor), "/s|");
  EXPECT_EQ(feed(editor, "\t"), EditorEvent::kChoices);
  EXPECT_EQ(editor.choices().size(), 3u);
  feed(editor, "a\t");
  EXPECT_EQ(shown(editor), "/save |");
  EXPECT_EQ(feed(editor, "x\t"), EditorEvent::kNone);
  EXPECT_EQ(shown(editor), "/save x|");
}

TEST(LineEditor, InputThatGoesOn) {
  const struct {
    std::string text, goes_on;  // empty: it does not
  } cases[] = {
      {"", ""},
      {"a", ""},
      {"a\\", "a\n"},
      {"\\", "\n"},
      {"a\\ ", ""},
      {"\"\"\"", "\"\"\"\n"},
      {"\"\"\"a", "\"\"\"a\n"},
      {"\"\"\"a\n\"\"\"", ""},
      {"\"\"\"\"\"\"", ""},
      {"say \"\"\"", ""},
  };
  for (const auto& c : cases) {
    std::string text = c.text;
    EXPECT_EQ(continues(text), !c.goes_on.empty()) << c.text;
    EXPECT_EQ(text, c.goes_on.empty() ? c.text : c.goes_on);
  }
  EXPECT_EQ(without_quotes("\"\"\"\"\"\""), "");
  EXPECT_EQ(without_quotes("\"\"\"a\"\"\""), "a");
  EXPECT_EQ(without_quotes("\"\"\"\n\n a \n\n\"\"\""), "\n a \n");
  EXPECT_EQ(without_quotes("\"\"\"doc\"\"\" code"), "\"\"\"doc\"\"\" code");
  EXPECT_EQ(without_quotes("\"\"\"a"), "\"\"\"a");
  EXPECT_EQ(without_quotes("\"\"\"a\"\"\"b\"\"\""), "\"\"\"a\"\"\"b\"\"\"");
  EXPECT_EQ(without_quotes("\"\"\"\""), "\"\"\"\"");
}

TEST(LineEditorWidth, Cells) {
  const struct {
    std::string_view text;
    int cells;
  } cases[] = {
      {"", 0},
      {"abc", 3},
      {"\xC3\xA9", 1},
      {"e\xCC\x81", 1},
      {"\xE6\xBC\xA2\xE5\xAD\x97", 4},
      {"\xEA\xB0\x80", 2},
      {"\xE1\x84\x80\xE1\x85\xA1", 2},  // Hangul in two parts
      {"\xEF\xBC\xA1", 2},              // full-width A
      {"\xF0\x9F\x98\x80", 2},
      {"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7", 2},      // joined
      {"\xF0\x9F\x91\x8B\xF0\x9F\x8F\xBD", 2},                  // with a skin tone
      {"\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7", 2},                  // a flag
      {"\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7\xF0\x9F\x87\xAB", 3},  // and half of one
      {"\xE2\x9D\xA4", 1},
      {"\xE2\x9D\xA4\xEF\xB8\x8F", 2},
      {"\xE2\x80\x8B", 0},
      {"\t\x01", 6},
      {"\xD7\xA9\xD6\xB8\xD7\x81", 1},  // Hebrew with points
      {"a\xE2\x80\x8D", 1},             // a joiner with nothing to join
      {"\xFF"
       "a",
       2},
      {"\xF0\xA0\x80\x80", 2},  // plane 2
  };
  for (const auto& c : cases) EXPECT_EQ(cells_of(c.text), c.cells) << c.text;
}

}  // namespace
}  // namespace hadal
