#include "text/pretokenizer.h"

#include <array>

#include "base/utf8.h"
#include "text/unicode_tables.h"

namespace hadal {
namespace {

struct Char {
  CharClass cls;
  uint8_t size;
};

constexpr std::array<CharClass, 128> kAsciiClass = [] {
  std::array<CharClass, 128> classes{};
  for (unsigned c = 0; c < 128; ++c) {
    const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    classes[c] = c == '\n' || c == '\r'               ? CharClass::kLineBreak
                 : c == ' ' || (c >= '\t' && c <= 13) ? CharClass::kSpace
                 : c < 33 || c == 127                 ? CharClass::kOther
                 : c >= '0' && c <= '9'               ? CharClass::kNumber
                 : letter                             ? CharClass::kWord
                                                      : CharClass::kPunctuation;
  }
  return classes;
}();

// p < end.
inline Char char_at(const char* p, const char* end) {
  const auto byte = static_cast<uint8_t>(*p);
  if (byte < 128) return {kAsciiClass[byte], 1};
  const Utf8Char c = next_utf8(p, end);
  if (c.status != Utf8Status::kValid) return {CharClass::kOther, 1};
  return {char_class(c.code_point), c.size};
}

inline bool is(CharClass cls, const char* p, const char* end) {
  return p != end && char_at(p, end).cls == cls;
}

inline const char* run_end(CharClass cls, const char* p, const char* end) {
  while (p != end) {
    const Char c = char_at(p, end);
    if (c.cls != cls) break;
    p += c.size;
  }
  return p;
}

inline bool is_ascii_letter(const char* p, const char* end) {
  return p != end && static_cast<uint8_t>(*p) < 128 &&
         kAsciiClass[static_cast<uint8_t>(*p)] == CharClass::kWord;
}

// \p{N}{1,3}
const char* number_end(const char* p, const char* end) {
  for (int digits = 0; digits < 3 && p != end; ++digits) {
    const Char c = char_at(p, end);
    if (c.cls != CharClass::kNumber) break;
    p += c.size;
  }
  return p;
}

// [\p{P}\p{S}]+[\r\n]*
const char* punctuation_end(const char* p, const char* end) {
  return run_end(CharClass::kLineBreak, run_end(CharClass::kPunctuation, p, end), end);
}

// \s*[\r\n]+ | \s+(?!\S) | \s+ where p is white space: up to the last line break of the run; without one, the
// run less its last character where something follows in the same piece of the second step, which a number or
// Han never is.
const char* space_end(const char* const p, const char* end) {
  const char* last = p;  // where the last character begins
  const char* after_break = nullptr;
  const char* q = p;
  CharClass next = CharClass::kNumber;
  while (q != end) {
    const Char c = char_at(q, end);
    next = c.cls;
    if (c.cls != CharClass::kSpace && c.cls != CharClass::kLineBreak) break;
    last = q;
    q += c.size;
    if (c.cls == CharClass::kLineBreak) after_break = q;
  }
  if (after_break != nullptr) return after_break;
  const bool stands_alone =
      q == end || (next != CharClass::kWord && next != CharClass::kPunctuation && next != CharClass::kOther);
  return stands_alone || last == p ? q : last;
}

// What no alternative matches is one piece, up to where one does: the last such character before a word
// belongs to it.
const char* other_end(CharClass other, CharClass word, const char* const p, const char* end) {
  const char* last = p;
  const char* q = p;
  while (q != end) {
    const Char c = char_at(q, end);
    if (c.cls != other) {
      if (c.cls != word) return q;
      return last == p ? run_end(word, q, end) : last;
    }
    last = q;
    q += c.size;
  }
  return q;
}

}  // namespace

const char* piece_end(const char* p, const char* end) {
  const Char first = char_at(p, end);
  const char* const rest = p + first.size;
  switch (first.cls) {
    case CharClass::kNumber:
      return number_end(p, end);
    case CharClass::kWord:
    case CharClass::kHanWord:
    case CharClass::kHanPunctuation:
      return run_end(first.cls, rest, end);
    case CharClass::kPunctuation: {
      if (first.size > 1 || !is_ascii_letter(rest, end)) return punctuation_end(rest, end);
      const char* q = rest;
      while (is_ascii_letter(q, end)) ++q;
      return q;
    }
    case CharClass::kSpace:
      if (is(CharClass::kWord, rest, end)) return run_end(CharClass::kWord, rest, end);
      if (*p == ' ' && is(CharClass::kPunctuation, rest, end)) return punctuation_end(rest, end);
      return space_end(p, end);
    case CharClass::kLineBreak:
      return space_end(p, end);
    case CharClass::kOther:
      return other_end(CharClass::kOther, CharClass::kWord, p, end);
    case CharClass::kHanOther:
      return other_end(CharClass::kHanOther, CharClass::kHanWord, p, end);
  }
  return rest;
}

}  // namespace hadal
