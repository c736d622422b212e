#include "text/tokenizer_writer.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_set>

#include "text/control_tokens.h"

namespace hadal {
namespace {

constexpr std::string_view kFirst[] = {kBosToken, kEosToken, "<｜▁pad▁｜>"};
constexpr std::string_view kLast[] = {
    kUserToken,     kAssistantToken, kThinkToken,       kEndThinkToken, kDsmlToken,    kLatestReminderToken,
    "<｜action｜>", "<｜query｜>",   "<｜authority｜>", "<｜domain｜>", "<｜title｜>", "<｜read_url｜>"};
constexpr int kBytes = 256;

// How a byte-level vocabulary spells a byte: printable Latin-1 as itself, the rest from U+0100 on.
std::array<std::string, kBytes> byte_spellings() {
  std::array<std::string, kBytes> out;
  int next = 256;
  for (int byte = 0; byte < kBytes; ++byte) {
    const bool itself = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const int point = itself ? byte : next++;
    if (point < 128) {
      out[static_cast<size_t>(byte)] = static_cast<char>(point);
    } else {
      out[static_cast<size_t>(byte)] = {static_cast<char>(0xC0 | point >> 6),
                                        static_cast<char>(0x80 | (point & 63))};
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

class Writer {
 public:
  Writer(const std::vector<ByteMerge>& merges, bool marks_system) {
    for (const std::string_view token : kFirst) control(token, true);
    for (const std::string& byte : spellings_) token(byte);
    std::unordered_set<std::string> known;
    for (const auto& [left, right] : merges) {
      const std::string whole = spelled(left) + spelled(right);
      if (known.insert(whole).second) token(whole);
      merges_ +=
          fmt::format("{}[{},{}]", merges_.empty() ? "" : ",", quoted(spelled(left)), quoted(spelled(right)));
    }
    for (const std::string_view token : kLast) control(token, false);
    if (marks_system) control(kSystemToken, false);
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
        vocab_, merges_);
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
  std::string spelled(std::string_view bytes) const {
    std::string out;
    for (const char c : bytes) out += spellings_[static_cast<uint8_t>(c)];
    return out;
  }

  const std::array<std::string, kBytes> spellings_ = byte_spellings();
  std::string controls_;
  std::string vocab_;
  std::string merges_;
  int64_t next_id_ = 0;
};

}  // namespace

const size_t kFixedTokens = kBytes + std::size(kFirst) + std::size(kLast);

std::string tokenizer_json(const std::vector<ByteMerge>& merges, bool marks_system) {
  return Writer(merges, marks_system).text();
}

}  // namespace hadal
