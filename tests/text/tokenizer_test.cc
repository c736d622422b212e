#include "text/tokenizer.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/utf8.h"
#include "text/pretokenizer.h"
#include "tokenizer_cases.h"

namespace hadal {
namespace {

const Tokenizer& own_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::from_file(own_case("tokenizer.json"));
  return tokenizer;
}

void expect_encodes(const Tokenizer& tokenizer, const std::string& path, size_t lines) {
  const auto check = [&](simdjson::dom::element line) {
    const std::string_view text = line["text"];
    const std::vector<int32_t> ids = ids_of(line, "ids");
    const std::vector<int32_t> plain = line["ids_plain"].is_array() ? ids_of(line, "ids_plain") : ids;
    EXPECT_EQ(tokenizer.encode(text), ids);
    EXPECT_EQ(tokenizer.encode_content(text), plain);
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(tokenizer.decode(plain), text);
    EXPECT_TRUE(std::none_of(plain.begin(), plain.end(), [&](int32_t id) { return tokenizer.is_added(id); }));
  };
  EXPECT_EQ(for_each_line(path, check), lines);
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (const int32_t id : ids) {
    const std::string part = decoder.feed(id);
    EXPECT_TRUE(is_valid_utf8(part));
    text += part;
  }
  return text + decoder.flush();
}

std::string repaired(std::string_view bytes) {
  std::string text;
  if (append_repaired_utf8(bytes, text) != bytes.size()) text += kReplacementCharacter;
  return text;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

void expect_decodes(const Tokenizer& tokenizer, const std::string& path, size_t lines) {
  const auto check = [&](simdjson::dom::element line) {
    const std::vector<int32_t> ids = ids_of(line, "ids");
    const std::string bytes = tokenizer.decode(ids);
    EXPECT_EQ(hex(bytes), std::string_view(line["hex"]));
    EXPECT_EQ(is_valid_utf8(bytes), bool(line["valid_utf8"]));
    EXPECT_EQ(streamed(tokenizer, ids), repaired(bytes));
  };
  EXPECT_EQ(for_each_line(path, check), lines);
}

void expect_vocabulary(const Tokenizer& tokenizer, const std::string& path) {
  const std::string json = read_file(path, 1 << 20);
  simdjson::dom::parser parser;
  const simdjson::dom::element expected = parser.parse(json);
  ASSERT_EQ(tokenizer.vocab_size(), uint64_t(expected["ids"]));
  std::string all;
  size_t longest = 0;
  size_t added = 0;
  const auto put = [&](size_t value) {
    for (int shift = 0; shift < 32; shift += 8) all += static_cast<char>(value >> shift);
  };
  for (size_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view bytes = tokenizer.token_bytes(static_cast<int32_t>(id));
    put(id);
    put(bytes.size());
    all += bytes;
    longest = std::max(longest, bytes.size());
    added += tokenizer.is_added(static_cast<int32_t>(id)) ? 1 : 0;
  }
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  EXPECT_EQ(hex(digest), std::string_view(expected["vocab_sha256"]));
  EXPECT_EQ(longest, uint64_t(expected["longest_token_bytes"]));
  EXPECT_EQ(added, uint64_t(expected["added_tokens"]));
  for (const auto& [name, token] : simdjson::dom::object(expected["named_added_tokens"])) {
    const auto id = static_cast<int32_t>(int64_t(token["id"]));
    EXPECT_EQ(tokenizer.find_added(name), id);
    EXPECT_EQ(tokenizer.token_bytes(id), name);
    EXPECT_EQ(tokenizer.encode(name), std::vector<int32_t>{id});
  }
}

TEST(Tokenizer, OwnCases) { expect_encodes(own_tokenizer(), own_case("cases.jsonl"), 197); }

TEST(Tokenizer, SharedCases) {
  HADAL_NEED_SHARED("golden/tokenizer/tokenizer.json.gz");
  expect_encodes(real_tokenizer(), shared_path("golden/tokenizer/encode.jsonl"), 1500);
  expect_decodes(real_tokenizer(), shared_path("golden/tokenizer/decode.jsonl"), 300);
  expect_vocabulary(real_tokenizer(), shared_path("golden/tokenizer/vocab.json"));
}

TEST(Tokenizer, SharedSmallCases) {
  HADAL_NEED_SHARED("golden/tokenizer/small_tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::from_file(shared_path("golden/tokenizer/small_tokenizer.json"));
  expect_encodes(tokenizer, shared_path("golden/tokenizer/small_encode.jsonl"), 300);
  expect_decodes(tokenizer, shared_path("golden/tokenizer/small_decode.jsonl"), 100);
  expect_vocabulary(tokenizer, shared_path("golden/tokenizer/small_vocab.json"));
}

// The whole way from text to ids once more, slow and with other means: pieces, then merges by their spelling.
class SlowTokenizer {
 public:
  explicit SlowTokenizer(const std::string& path) {
    const std::string json = read_file(path, 1 << 20);
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parser.parse(json);
    size_t rank = 0;
    for (const simdjson::dom::element merge : simdjson::dom::array(root["model"]["merges"]))
      ranks_[{std::string(merge.at(0)), std::string(merge.at(1))}] = rank++;
    for (const auto& [name, id] : simdjson::dom::object(root["model"]["vocab"]))
      ids_[std::string(name)] = static_cast<int32_t>(int64_t(id));
  }

  std::vector<int32_t> encode_content(std::string_view text) const {
    std::vector<int32_t> ids;
    const char* const end = text.data() + text.size();
    for (const char* p = text.data(); p != end;) {
      const char* const next = piece_end(p, end);
      for (const std::string& symbol : merged({p, next})) ids.push_back(ids_.at(symbol));
      p = next;
    }
    return ids;
  }

 private:
  static std::string spelled(uint8_t byte) {
    static const std::vector<std::string> all = [] {
      std::vector<std::string> spellings;
      const auto encoded = [](int c) -> std::string {
        if (c < 128) return {static_cast<char>(c)};
        return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
      };
      int next = 256;
      for (int b = 0; b < 256; ++b) {
        const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        spellings.push_back(encoded(printable ? b : next++));
      }
      return spellings;
    }();
    return all[byte];
  }

  std::vector<std::string> merged(const std::string& piece) const {
    std::vector<std::string> symbols;
    for (const char c : piece) symbols.push_back(spelled(static_cast<uint8_t>(c)));
    while (true) {
      size_t best = ranks_.size();
      size_t at = 0;
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        const auto found = ranks_.find({symbols[i], symbols[i + 1]});
        if (found == ranks_.end() || found->second >= best) continue;
        best = found->second;
        at = i;
      }
      if (best == ranks_.size()) return symbols;
      symbols[at] += symbols[at + 1];
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
  }

  std::map<std::pair<std::string, std::string>, size_t> ranks_;
  std::map<std::string, int32_t> ids_;
};

std::string random_text(std::mt19937& random, size_t longest) {
  static const std::vector<std::string> parts = {"the ",        " and",
                                                 "ing",         "er",
                                                 "e",           "t",
                                                 "a",           " ",
                                                 "\n",          "  ",
                                                 "\t",          "1",
                                                 "42",          "Über",
                                                 "için",        "ğı",
                                                 "привет",      "ов",
                                                 "的",          "世界",
                                                 "です",        "مر",
                                                 "नमस्ते",        "한국",
                                                 "😀",          "👩‍👩‍👧",
                                                 "<think>",     "<｜User｜>",
                                                 "<｜User｜>>", "｜DSML｜",
                                                 "<｜",         "｜>",
                                                 "_x",          "({",
                                                 "});\n",       "\xFF",
                                                 "\xE4\xBD",    "\xF0\x9F",
                                                 "½",           "々"};
  std::string text;
  for (size_t n = random() % longest; n > 0; --n)
    text += random() % 8 == 0 ? std::string(1, static_cast<char>(random())) : parts[random() % parts.size()];
  return text;
}

TEST(Tokenizer, ContentEqualsTheDefinition) {
  const SlowTokenizer slow(own_case("tokenizer.json"));
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random, 20);
    ASSERT_EQ(own_tokenizer().encode_content(text), slow.encode_content(text))
        << testing::PrintToString(text);
  }
}

TEST(Tokenizer, AnyBytesComeBack) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::string text = random_text(random, 12);
    for (size_t n = random() % 20; n > 0; --n) text += static_cast<char>(random());
    ASSERT_EQ(own_tokenizer().decode(own_tokenizer().encode_content(text)), text);
    ASSERT_EQ(own_tokenizer().decode(own_tokenizer().encode(text)), text);
  }
}

TEST(Tokenizer, ControlTokensAreLeftmostLongest) {
  const auto id = [](std::string_view name) { return own_tokenizer().find_added(name).value(); };
  EXPECT_EQ(own_tokenizer().encode("<｜User｜>><think>"),
            (std::vector<int32_t>{id("<｜User｜>>"), id("<think>")}));
  EXPECT_EQ(own_tokenizer().encode("<｜User｜><｜User｜>>"),
            (std::vector<int32_t>{id("<｜User｜>"), id("<｜User｜>>")}));
  EXPECT_FALSE(own_tokenizer().find_added("<｜User"));
  EXPECT_FALSE(own_tokenizer().find_added("think"));
}

// What encode() does with markup that it finds itself, encode_segments() does with markup that it is told of;
// and what merely looks like markup stays content.
TEST(Tokenizer, SegmentsEqualTheirParts) {
  const Tokenizer& tokenizer = own_tokenizer();
  const std::vector<std::string> control = {"<｜User｜>", "<｜Assistant｜>", "<think>",
                                            "</think>",   "｜DSML｜",        "<｜end▁of▁sentence｜>"};
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    std::vector<TextRange> ranges;
    std::vector<int32_t> expected;
    for (size_t n = random() % 6; n > 0; --n) {
      const std::string content = random_text(random, 6);
      const std::vector<int32_t> ids = tokenizer.encode_content(content);
      expected.insert(expected.end(), ids.begin(), ids.end());
      const std::string& markup = control[random() % control.size()];
      text += content;
      ranges.push_back(
          {static_cast<int64_t>(text.size()), static_cast<int64_t>(text.size() + markup.size())});
      text += markup;
      expected.push_back(tokenizer.find_added(markup).value());
    }
    ASSERT_EQ(tokenizer.encode_segments(text, ranges), expected);
    const std::string plain = "no markup here, <b> at most";
    ASSERT_EQ(tokenizer.encode(control[round % control.size()] + plain),
              tokenizer.encode_segments(
                  control[round % control.size()] + plain,
                  std::vector<TextRange>{{0, static_cast<int64_t>(control[round % control.size()].size())}}));
  }
  EXPECT_EQ(tokenizer.encode_segments("a<think>b", {}), tokenizer.encode_content("a<think>b"));
}

TEST(Tokenizer, RefusesWrongSegments) {
  const std::string text = "a<think>b</think>";
  const std::vector<std::vector<TextRange>> wrong = {
      {{0, 8}}, {{1, 7}}, {{1, 1}}, {{-1, 8}}, {{1, 100}}, {{8, 1}}, {{9, 17}, {1, 8}}, {{1, 8}, {1, 8}}};
  for (const auto& ranges : wrong) {
    try {
      own_tokenizer().encode_segments(text, ranges);
      ADD_FAILURE() << ranges[0].begin << " " << ranges[0].end;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
  }
}

TEST(Tokenizer, RefusesUnknownIds) {
  const auto size = static_cast<int32_t>(own_tokenizer().vocab_size());
  EXPECT_EQ(size, 910);
  EXPECT_THROW(own_tokenizer().token_bytes(size), Error);
  EXPECT_THROW(own_tokenizer().token_bytes(-1), Error);
  EXPECT_FALSE(own_tokenizer().is_added(size));
  EXPECT_TRUE(own_tokenizer().is_added(size - 1));
}

TEST(StreamDecoder, AnyTokensOfAnyBytes) {
  const Tokenizer& tokenizer = own_tokenizer();
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    std::vector<int32_t> ids;
    for (size_t n = random() % 20; n > 0; --n)
      ids.push_back(static_cast<int32_t>(random() % tokenizer.vocab_size()));
    ASSERT_EQ(streamed(tokenizer, ids), repaired(tokenizer.decode(ids)));
  }
}

TEST(StreamDecoder, EverySplitOfCharacters) {
  const Tokenizer& tokenizer = own_tokenizer();
  const std::string text = "aé漢😀z";
  // Bit i of the mask: bytes i and i + 1 are fed by one call. Tokens of one byte each, so held bytes must add
  // up.
  for (unsigned mask = 0; mask < 1u << (text.size() - 1); ++mask) {
    StreamDecoder decoder(tokenizer);
    std::string fed;
    std::string shown;
    for (size_t i = 0; i < text.size(); ++i) {
      const std::vector<int32_t> id = tokenizer.encode_content(text.substr(i, 1));
      ASSERT_EQ(id.size(), 1u);
      fed += text[i];
      shown += decoder.feed(id[0]);
      if ((mask >> i & 1) != 0) continue;
      std::string complete;
      append_repaired_utf8(fed, complete);
      ASSERT_EQ(shown, complete);
    }
    ASSERT_EQ(shown + decoder.flush(), text);
  }
}

TEST(StreamDecoder, FlushAndUnknownIds) {
  const Tokenizer& tokenizer = own_tokenizer();
  const std::string bytes = "\xF0\x9F\x98";
  StreamDecoder decoder(tokenizer);
  for (const int32_t id : tokenizer.encode_content(bytes)) EXPECT_EQ(decoder.feed(id), "");
  EXPECT_EQ(decoder.flush(), kReplacementCharacter);
  EXPECT_EQ(decoder.flush(), "");
  EXPECT_EQ(decoder.feed(static_cast<int32_t>(tokenizer.vocab_size())), kReplacementCharacter);
  decoder.feed(tokenizer.encode_content(bytes)[0]);
  EXPECT_EQ(decoder.feed(-1), std::string(kReplacementCharacter) + std::string(kReplacementCharacter));
}

// Inputs that make a careless tokenizer quadratic, of `size` bytes.
std::map<std::string, std::string> hard_inputs(size_t size) {
  const auto repeated = [&](std::string_view unit) {
    std::string text;
    while (text.size() + unit.size() <= size) text += unit;
    return text;
  };
  std::mt19937 random(5);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return {{"letter", repeated("a")},
          {"spaces", repeated(" ")},
          {"digits", repeated("7")},
          {"line breaks", repeated("\n")},
          {"lines", repeated("\n    ")},
          {"random bytes", bytes},
          {"joined emoji", repeated("👩‍")},
          {"han", repeated("的")},
          {"two letters", repeated("ab")},
          {"controls", repeated("\1")},
          {"open", repeated("<｜User｜")},
          {"punctuation", repeated("=")}};
}

double seconds_on_this_thread() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void expect_no_blow_up(const Tokenizer& tokenizer) {
  constexpr size_t kSmall = 16 << 10;
  constexpr size_t kLarge = 256 << 10;
  const auto small = hard_inputs(kSmall);
  for (const auto& [name, large] : hard_inputs(kLarge)) {
    const auto best_time = [&](const std::string& text) {
      double best = 1e9;
      for (int i = 0; i < 3; ++i) {
        const double start = seconds_on_this_thread();
        tokenizer.encode(text);
        best = std::min(best, seconds_on_this_thread() - start);
      }
      return best;
    };
    // Sixteen times the text: n log n takes some 20 times as long (more when it leaves a cache), n^2 256
    // times.
    EXPECT_LT(best_time(large), 80 * best_time(small.at(name))) << name;
    BpeStats stats;
    const std::vector<int32_t> ids = tokenizer.encode_content(large, &stats);
    EXPECT_LE(stats.merge_steps, 6 * kLarge) << name;
    EXPECT_EQ(tokenizer.decode(ids), large) << name;
  }
}

TEST(Tokenizer, NoInputBlowsUp) { expect_no_blow_up(own_tokenizer()); }

TEST(Tokenizer, NoInputBlowsUpWithTheRealVocabulary) {
  HADAL_NEED_SHARED("golden/tokenizer/tokenizer.json.gz");
  expect_no_blow_up(real_tokenizer());
}

}  // namespace
}  // namespace hadal
