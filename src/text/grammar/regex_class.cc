#include "text/grammar/regex_class.h"

#include "base/error.h"
#include "base/utf8.h"

namespace hadal::grammar {
namespace {

const std::vector<CodePoints> kDigit = {{'0', '9'}};
const std::vector<CodePoints> kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const std::vector<CodePoints> kBlank = {
    {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};

bool is_high_surrogate(uint32_t c) { return c >= 0xD800 && c < 0xDC00; }

uint32_t unicode_escape(RegexReader& reader) {
  if (reader.take('{')) {
    uint32_t value = 0;
    while (!reader.take('}')) {
      value = value * 16 + reader.hex(1);
      if (value > kLastCodePoint) reader.refuse("not a code point");
    }
    return value;
  }
  const uint32_t first = reader.hex(4);
  if (!is_high_surrogate(first)) return first;
  if (!reader.take('\\') || !reader.take('u')) reader.refuse("half a surrogate pair");
  const uint32_t second = reader.hex(4);
  if (second < 0xDC00 || second > 0xDFFF) reader.refuse("half a surrogate pair");
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

}  // namespace

RegexReader::RegexReader(std::string_view pattern) : pattern_(pattern) {
  if (!is_valid_utf8(pattern)) fail(ErrorCode::kUsage, "the regular expression is not valid UTF-8");
}

uint32_t RegexReader::peek() const {
  return at_end() ? 0 : next_utf8(pattern_.data() + at_, pattern_.data() + pattern_.size()).code_point;
}

uint32_t RegexReader::next() {
  if (at_end()) refuse("it ends too early");
  const Utf8Char c = next_utf8(pattern_.data() + at_, pattern_.data() + pattern_.size());
  at_ += c.size;
  return c.code_point;
}

bool RegexReader::take(char c) {
  if (at_end() || pattern_[at_] != c) return false;
  ++at_;
  return true;
}

uint32_t RegexReader::number() {
  constexpr uint32_t kMost = 1'000'000;
  if (peek() < '0' || peek() > '9') refuse("not a repetition; write \\{ for the character");
  uint32_t value = 0;
  while (peek() >= '0' && peek() <= '9') {
    value = value * 10 + (next() - '0');
    if (value > kMost) refuse("a repetition is too long");
  }
  return value;
}

uint32_t RegexReader::hex(int digits) {
  uint32_t value = 0;
  for (int i = 0; i < digits; ++i) {
    const uint32_t c = next();
    const uint32_t lower = c | 0x20;
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      refuse("not a hexadecimal digit");
    }
  }
  return value;
}

void RegexReader::refuse(std::string_view why) const {
  fail(ErrorCode::kUsage, "regular expression, at byte {}: {}", at_, why);
}

std::vector<CodePoints> class_escape(RegexReader& reader, bool in_brackets) {
  const uint32_t c = reader.next();
  const auto one = [](uint32_t code_point) { return std::vector<CodePoints>{{code_point, code_point}}; };
  switch (c) {
    case 'd':
      return kDigit;
    case 'D':
      return complement(kDigit);
    case 'w':
      return kWord;
    case 'W':
      return complement(kWord);
    case 's':
      return kBlank;
    case 'S':
      return complement(kBlank);
    case 't':
      return one('\t');
    case 'n':
      return one('\n');
    case 'v':
      return one('\v');
    case 'f':
      return one('\f');
    case 'r':
      return one('\r');
    case 'p':
    case 'P':
      reader.refuse("\\p is not supported; list the ranges of characters");
    case 'x':
      return one(reader.hex(2));
    case 'u':
      return one(unicode_escape(reader));
    case 'c':
      return one(reader.next() & 0x1F);
    case 'b':
      if (in_brackets) return one('\b');
      reader.refuse("\\b is not supported");
    case '0':
      if (reader.peek() < '0' || reader.peek() > '9') return one(0);
      reader.refuse("octal escapes are not supported");
    default:
      break;
  }
  if (c >= '1' && c <= '9') reader.refuse("back-references are not supported");
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') reader.refuse("this escape is not supported");
  return one(c);
}

std::vector<CodePoints> bracket_class(RegexReader& reader) {
  const bool negated = reader.take('^');
  std::vector<CodePoints> ranges;
  while (!reader.take(']')) {
    std::vector<CodePoints> item;
    if (reader.take('\\')) {
      item = class_escape(reader, true);
    } else {
      const uint32_t c = reader.next();
      item = {{c, c}};
    }
    const bool single = item.size() == 1 && item[0].low == item[0].high;
    if (single && reader.peek() == '-') {
      reader.next();
      if (reader.peek() == ']') {
        ranges.push_back({'-', '-'});
      } else {
        std::vector<CodePoints> last;
        if (reader.take('\\')) {
          last = class_escape(reader, true);
        } else {
          const uint32_t c = reader.next();
          last = {{c, c}};
        }
        if (last.size() != 1 || last[0].low != last[0].high || last[0].low < item[0].low) {
          reader.refuse("not a range of characters");
        }
        item[0].high = last[0].low;
      }
    }
    ranges.insert(ranges.end(), item.begin(), item.end());
  }
  return negated ? complement(std::move(ranges)) : normalised(std::move(ranges));
}

}  // namespace hadal::grammar
