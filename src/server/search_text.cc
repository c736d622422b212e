#include "server/search_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace hadal {
namespace {

constexpr size_t kExcerptBefore = 32;
constexpr size_t kExcerptAfter = 72;

char32_t fold_latin(char32_t c) {
  if (c == 0x130 || c == 0x131) return U'i';
  if (c == 0x178) return 0xFF;
  if (c == 0x17F) return U's';
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  // Latin Extended-A: pairs of upper and lower case, which begin at even numbers but for two stretches.
  const bool upper_is_odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  const bool in_pairs = c >= 0x100 && c <= 0x17E && c != 0x138 && c != 0x149;
  return in_pairs && (c % 2 == 1) == upper_is_odd ? c + 1 : c;
}

char32_t fold_greek(char32_t c) {
  if (c >= 0x391 && c <= 0x3AB) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 63;
  return c == 0x3C2 ? 0x3C3 : c;
}

char32_t fold(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  if (c < 0x180) return fold_latin(c);
  if (c >= 0x370 && c < 0x400) return fold_greek(c);
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c >= 0x410 && c <= 0x42F ? c + 32 : c;
}

bool is_space(char32_t c) { return c == U' ' || (c >= 9 && c <= 13) || c == 0xA0 || c == 0x3000; }

char32_t take_char(const char*& p, const char* end) {
  const Utf8Char next = next_utf8(p, end);
  p += next.size;
  return next.status == Utf8Status::kValid ? next.code_point : 0xFFFD;
}

}  // namespace

std::u32string decode_utf8(std::string_view text) {
  std::u32string decoded;
  decoded.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) decoded += take_char(p, end);
  return decoded;
}

std::u32string folded(std::u32string text) {
  std::ranges::transform(text, text.begin(), fold);
  return text;
}

bool contains_folded(std::string_view text, const std::u32string& word) {
  if (word.empty()) return true;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    if (fold(take_char(p, end)) != word[0]) continue;
    const char* q = p;
    size_t matched = 1;
    while (matched < word.size() && q != end && fold(take_char(q, end)) == word[matched]) ++matched;
    if (matched == word.size()) return true;
  }
  return false;
}

std::vector<std::u32string> search_words(std::string_view search) {
  std::vector<std::u32string> words;
  bool in_word = false;
  for (const char32_t c : folded(decode_utf8(search))) {
    if (is_space(c)) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    words.back() += c;
  }
  return words;
}

std::string excerpt_around(std::string_view text, const std::u32string& word) {
  const std::u32string characters = decode_utf8(text);
  const size_t place = folded(characters).find(word);
  if (place == std::u32string::npos) return "";
  const size_t begin = place > kExcerptBefore ? place - kExcerptBefore : 0;
  const size_t end = std::min(characters.size(), place + kExcerptAfter);
  std::string excerpt = begin > 0 ? "…" : "";
  bool space_before = false;
  for (size_t i = begin; i < end; ++i) {
    if (is_space(characters[i])) {
      space_before = !excerpt.empty();
      continue;
    }
    if (space_before) excerpt += ' ';
    space_before = false;
    append_utf8(characters[i], excerpt);
  }
  if (end < characters.size()) excerpt += "…";
  return excerpt;
}

}  // namespace hadal
