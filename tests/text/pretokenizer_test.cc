#include "text/pretokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/unicode_tables.h"
#include "tokenizer_cases.h"

namespace hadal {
namespace {

std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const char* const next = piece_end(p, end);
    pieces.emplace_back(p, next);
    p = next;
  }
  return pieces;
}

void expect_equal_pieces(const std::string& path, size_t lines) {
  const auto check = [](simdjson::dom::element line) {
    std::vector<std::string> expected;
    for (const std::string_view piece : simdjson::dom::array(line["pieces"])) expected.emplace_back(piece);
    EXPECT_EQ(pieces_of(std::string_view(line["text"])), expected);
  };
  EXPECT_EQ(for_each_line(path, check), lines);
}

TEST(Pretokenizer, OwnCases) { expect_equal_pieces(own_case("cases.jsonl"), 197); }

TEST(Pretokenizer, SharedCases) {
  HADAL_NEED_SHARED("golden/tokenizer/pretokens.jsonl");
  expect_equal_pieces(shared_path("golden/tokenizer/pretokens.jsonl"), 400);
}

// The specification's three steps word by word, over a text of categories: each step splits all pieces of the
// one before, and the third tries its alternatives in order at each place.
class Reference {
 public:
  std::vector<std::string> pieces(std::string_view text) {
    chars_.clear();
    for (const char* p = text.data(); p != text.data() + text.size();) {
      const Utf8Char c = next_utf8(p, text.data() + text.size());
      const bool valid = c.status == Utf8Status::kValid;
      chars_.push_back(make_char(std::string(p, valid ? c.size : 1),
                                 valid ? char_class(c.code_point) : CharClass::kOther));
      p += chars_.back().bytes.size();
    }
    result_.clear();
    const auto number = [&](size_t i) { return is(i, CharClass::kNumber); };
    const auto han = [&](size_t i) { return chars_[i].han; };
    isolate(0, chars_.size(), 3, number, [&](size_t begin, size_t end) {
      isolate(begin, end, end, han, [&](size_t b, size_t e) { split_rest(b, e); });
    });
    return result_;
  }

 private:
  struct Char {
    std::string bytes;
    CharClass category;  // without Han
    bool han;
  };

  static Char make_char(std::string bytes, CharClass cls) {
    switch (cls) {
      case CharClass::kHanOther:
        return {std::move(bytes), CharClass::kOther, true};
      case CharClass::kHanWord:
        return {std::move(bytes), CharClass::kWord, true};
      case CharClass::kHanPunctuation:
        return {std::move(bytes), CharClass::kPunctuation, true};
      default:
        return {std::move(bytes), cls, false};
    }
  }

  bool is(size_t i, CharClass category) const { return chars_[i].category == category; }
  void emit(size_t begin, size_t end) {
    if (begin == end) return;
    result_.emplace_back();
    for (size_t i = begin; i < end; ++i) result_.back() += chars_[i].bytes;
  }

  // Calls next(begin, end) for each run of what `matches`, `longest` characters at most, and for what lies
  // between.
  template <typename Matches, typename Next>
  static void isolate(size_t begin, size_t end, size_t longest, Matches matches, Next next) {
    size_t start = begin;
    for (size_t i = begin; i < end;) {
      size_t j = i;
      while (j < end && j - i < longest && matches(j)) ++j;
      if (j == i) {
        ++i;
        continue;
      }
      if (start != i) next(start, i);
      next(i, j);
      start = i = j;
    }
    if (start != end) next(start, end);
  }

  void split_rest(size_t begin, size_t end) {
    size_t start = begin;
    for (size_t i = begin; i < end;) {
      const size_t j = match(i, end);
      if (j == i) {
        ++i;
        continue;
      }
      emit(start, i);
      emit(i, j);
      start = i = j;
    }
    emit(start, end);
  }

  template <typename Predicate>
  static size_t run(size_t i, size_t end, Predicate predicate) {
    while (i < end && predicate(i)) ++i;
    return i;
  }

  // The end of the match at i, or i.
  size_t match(size_t i, size_t end) const {
    const auto letter = [&](size_t k) { return chars_[k].bytes.size() == 1 && is(k, CharClass::kWord); };
    const auto word = [&](size_t k) { return is(k, CharClass::kWord); };
    const auto punctuation = [&](size_t k) { return is(k, CharClass::kPunctuation); };
    const auto line_break = [&](size_t k) { return is(k, CharClass::kLineBreak); };
    const auto space = [&](size_t k) { return is(k, CharClass::kSpace) || line_break(k); };
    if (punctuation(i) && chars_[i].bytes.size() == 1 && i + 1 < end && letter(i + 1))
      return run(i + 1, end, letter);
    const size_t prefix = i + (line_break(i) || word(i) || punctuation(i) ? 0 : 1);
    if (prefix < end && word(prefix)) return run(prefix, end, word);
    const size_t after_space = i + (chars_[i].bytes == " " ? 1 : 0);
    const size_t after_punctuation = run(after_space, end, punctuation);
    if (after_punctuation != after_space) return run(after_punctuation, end, line_break);
    const size_t after_spaces = run(i, end, space);
    for (size_t k = after_spaces; k > i; --k) {
      if (line_break(k - 1)) return k;
    }
    if (after_spaces == i) return i;
    // \s+(?!\S) gives back one character where something follows; one space alone is left to \s+.
    if (after_spaces < end && after_spaces - i > 1) return after_spaces - 1;
    return after_spaces;
  }

  std::vector<Char> chars_;
  std::vector<std::string> result_;
};

TEST(Pretokenizer, EqualsTheStepsOnRandomText) {
  const std::vector<std::string> alphabet = {
      " ",    " ",      "\n",     "\r",     "\t",         "\v",   "\u00A0", "\u3000",   "\u2028", "a",
      "Z",    "é",      "я",      "\u0301", "々",         "1",    "½",      "〇",       "٣",      "中",
      "ひ",   "・",     "(",      "_",      "$",          "。",   "€",      "😀",       "ー",     "\x01",
      "\x7F", "\u200D", "\uE000", "\u0378", "\U000E0001", "\xFF", "\xE4",   "\xE4\xBD", "𝟘",      "𐐀"};
  std::mt19937 random(1);
  Reference reference;
  for (int round = 0; round < 40000; ++round) {
    std::string text;
    // A few letters of the alphabet at a time make the interesting runs likely.
    std::string some[3];
    for (std::string& s : some) s = alphabet[random() % alphabet.size()];
    for (size_t n = random() % 12; n > 0; --n)
      text += random() % 3 == 0 ? alphabet[random() % alphabet.size()] : some[random() % 3];
    ASSERT_EQ(pieces_of(text), reference.pieces(text)) << testing::PrintToString(text);
  }
}

TEST(Pretokenizer, CoversRandomBytes) {
  std::mt19937 random(2);
  Reference reference;
  for (int round = 0; round < 5000; ++round) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random());
    ASSERT_EQ(pieces_of(text), reference.pieces(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace hadal
