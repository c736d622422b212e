#include "tools/random_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {
namespace {

constexpr std::string_view kFirst[] = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"};
constexpr std::string_view kLast[] = {"<｜User｜>",   "<｜Assistant｜>", "<think>",
                                      "</think>",     "｜DSML｜",        "<｜latest_reminder｜>",
                                      "<｜action｜>", "<｜query｜>",     "<｜authority｜>",
                                      "<｜domain｜>", "<｜title｜>",     "<｜read_url｜>"};
constexpr int64_t kBytes = 256;
constexpr int64_t kControls = std::size(kFirst) + std::size(kLast);

// Letters by their frequency in English, after the space that begins a word (spelt as byte-level BPE spells
// it).
constexpr std::string_view kLetters[] = {"Ġ", "e", "t", "a", "o", "i", "n", "s", "h", "r", "d", "l", "c", "u",
                                         "m", "w", "f", "g", "y", "p", "b", "v", "k", "j", "x", "q", "z"};

struct Merge {
  std::string left, right;
  std::string whole() const { return left + right; }
};

// Appends up to `room` pairs (a, b), those of small a + b first; b never begins a word.
void append_pairs(const std::vector<std::string>& parts, size_t room, std::vector<Merge>& merges) {
  const auto begins_word = [](std::string_view part) { return part.starts_with(kLetters[0]); };
  for (size_t sum = 0; sum + 1 < 2 * parts.size(); ++sum) {
    const size_t first = sum < parts.size() ? 0 : sum - parts.size() + 1;
    for (size_t a = first; a <= std::min(sum, parts.size() - 1); ++a) {
      if (begins_word(parts[sum - a])) continue;
      if (merges.size() == room) return;
      merges.push_back({parts[a], parts[sum - a]});
    }
  }
}

std::vector<Merge> make_merges(size_t count) {
  std::vector<Merge> merges;
  append_pairs({std::begin(kLetters), std::end(kLetters)}, count, merges);
  std::vector<std::string> pairs;
  pairs.reserve(merges.size());
  for (const Merge& merge : merges) pairs.push_back(merge.whole());
  append_pairs(pairs, count, merges);
  return merges;
}

// How a byte-level vocabulary spells a byte: printable Latin-1 as itself, the rest from U+0100 on.
std::vector<std::string> byte_spellings() {
  std::vector<std::string> out;
  int next = 256;
  for (int byte = 0; byte < kBytes; ++byte) {
    const bool itself = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const int point = itself ? byte : next++;
    if (point < 128) {
      out.emplace_back(1, static_cast<char>(point));
    } else {
      out.push_back({static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 63))});
    }
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

class Json {
 public:
  explicit Json(size_t merges) : merges_(make_merges(merges)) {
    for (const std::string_view token : kFirst) control(token, true);
    for (const std::string& byte : byte_spellings()) token(byte);
    for (const Merge& merge : merges_) token(merge.whole());
    for (const std::string_view token : kLast) control(token, false);
  }

  std::string text() const {
    // Spec deepseek-v4, section 7.
    return fmt::format(
        R"({{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{}],)"
        R"("normalizer":{{"type":"Sequence","normalizers":[]}},"pre_tokenizer":{{"type":"Sequence","pretokenizers":[)"
        R"({},{},{},{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}}]}},)"
        R"("post_processor":null,"decoder":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,)"
        R"("use_regex":true}},"model":{{"type":"BPE","dropout":null,"unk_token":null,)"
        R"("continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,)"
        R"("ignore_merges":false,"vocab":{{{}}},"merges":[{}]}}}})",
        controls_, split(R"(\\p{N}{1,3})"), split("[一-龥぀-ゟ゠-ヿ]+"),
        split(
            R"([!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+)"
            R"(| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+)"),
        vocab_, merge_list());
  }

 private:
  void token(std::string_view name) {
    vocab_ += fmt::format("{}{}:{}", vocab_.empty() ? "" : ",", quoted(name), next_id_++);
  }
  // The first three lie in the vocabulary too, as in the published file.
  void control(std::string_view name, bool special) {
    controls_ += fmt::format(
        R"({}{{"id":{},"content":{},"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":{}}})",
        controls_.empty() ? "" : ",", next_id_, quoted(name), special);
    if (special) return token(name);
    ++next_id_;
  }
  static std::string split(std::string_view escaped_regex) {
    return fmt::format(
        R"({{"type":"Split","pattern":{{"Regex":"{}"}},"behavior":"Isolated","invert":false}})",
        escaped_regex);
  }
  std::string merge_list() const {
    std::string out;
    for (const Merge& merge : merges_)
      out += fmt::format("{}[{},{}]", out.empty() ? "" : ",", quoted(merge.left), quoted(merge.right));
    return out;
  }

  std::vector<Merge> merges_;
  std::string controls_;
  std::string vocab_;
  int64_t next_id_ = 0;
};

}  // namespace

std::optional<std::string> random_tokenizer_json(int64_t vocab_size) {
  if (vocab_size < kBytes + kControls) return std::nullopt;
  return Json(static_cast<size_t>(vocab_size - kBytes - kControls)).text();
}

}  // namespace hadal
