#include "text/engram_vocabulary.h"

#include <algorithm>
#include <unordered_map>

#include "base/utf8.h"
#include "text/fold_table.h"

namespace hadal {
namespace {

constexpr uint32_t kLoneSpace = 0xE000;  // stands for a space that must survive the stripping

void append_hangul(uint32_t syllable, std::u32string& out) {
  const uint32_t index = syllable - 0xAC00;
  out.push_back(0x1100 + index / 588);
  out.push_back(0x1161 + index % 588 / 28);
  if (index % 28 != 0) out.push_back(0x11A7 + index % 28);
}

void append_folded(uint32_t code, std::u32string& out) {
  if (code >= 0xAC00 && code < 0xD7A4) return append_hangul(code, out);
  // The last entry of a table that begins at or before the character.
  const auto at = [code](const auto* table, int64_t count, auto first) {
    const auto* const after = std::upper_bound(
        table, table + count, code, [&](uint32_t c, const auto& entry) { return c < first(entry); });
    return after == table ? nullptr : after - 1;
  };
  const FoldRange* const gone =
      at(kFoldGone, kFoldGoneCount, [](const FoldRange& range) { return range.first; });
  if (gone != nullptr && code <= gone->last) return;
  const FoldMany* const many =
      at(kFoldMany, kFoldManyCount, [](const FoldMany& entry) { return entry.code_point; });
  if (many != nullptr && many->code_point == code) {
    for (uint32_t i = 0; i < many->count; ++i) out.push_back(kFoldPool[many->at + i]);
    return;
  }
  const FoldRun* const run = at(kFoldRuns, kFoldRunsCount, [](const FoldRun& entry) { return entry.first; });
  const bool inside = run != nullptr && code <= run->last && (code - run->first) % run->step == 0;
  out.push_back(inside ? run->target + (code - run->first) : code);
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Each run of blanks, tabs and line ends as one blank.
std::u32string with_single_spaces(const std::u32string& text) {
  std::u32string out;
  bool in_run = false;
  for (const char32_t c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) out.push_back(c);
    if (blank && !in_run) out.push_back(' ');
    in_run = blank;
  }
  return out;
}

std::string normalised(std::string_view text) {
  std::u32string folded;
  for (const char* p = text.data(); p < text.data() + text.size();) {
    const Utf8Char c = next_utf8(p, text.data() + text.size());
    append_folded(c.code_point, folded);
    p += c.size;
  }
  folded = with_single_spaces(folded);
  if (folded == U" ") folded.assign(1, kLoneSpace);
  while (!folded.empty() && is_white_space(folded.back())) folded.pop_back();
  folded.erase(folded.begin(), std::find_if_not(folded.begin(), folded.end(), is_white_space));
  std::string out;
  for (const char32_t c : folded) append_utf8(c == kLoneSpace ? U' ' : c, out);
  return out;
}

// Bytes as a byte-level vocabulary writes them: printable Latin-1 as itself, the others from U+0100 on.
std::string byte_level(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto value = static_cast<uint8_t>(byte);
    const auto is_printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b != 173); };
    uint32_t code = value;
    if (!is_printable(value)) {
      code = 0x100;
      for (int b = 0; b < value; ++b) code += is_printable(b) ? 0 : 1;
    }
    append_utf8(code, out);
  }
  return out;
}

}  // namespace

std::string engram_key(std::string_view bytes) {
  if (!is_valid_utf8(bytes) || bytes.find(kReplacementCharacter) != std::string_view::npos)
    return byte_level(bytes);
  std::string key = normalised(bytes);
  return key.empty() ? std::string(bytes) : key;
}

std::vector<int32_t> compressed_vocabulary(const Tokenizer& tokenizer) {
  std::unordered_map<std::string, int32_t> classes;
  std::vector<int32_t> class_of;
  const auto count = static_cast<int32_t>(tokenizer.vocab_size());
  for (int32_t id = 0; id < count; ++id) {
    const auto next = static_cast<int32_t>(classes.size());
    class_of.push_back(classes.emplace(engram_key(tokenizer.token_bytes(id)), next).first->second);
  }
  return class_of;
}

}  // namespace hadal
