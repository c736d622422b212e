#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <random>

#include "tokenizer_cases.h"

namespace hadal {
namespace {

const std::string& own_json() {
  static const std::string json = read_file(own_case("tokenizer.json"), 1 << 20);
  return json;
}

std::string with(const std::string& from, const std::string& to) {
  std::string json = own_json();
  const size_t at = json.find(from);
  if (at == std::string::npos) throw std::logic_error("the tokenizer has no " + from);
  return json.replace(at, from.size(), to);
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnow) {
  const struct {
    std::string json;
    std::string message;  // a part of it
  } cases[] = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {own_json().substr(0, own_json().size() / 2), "not valid JSON"},
      {with("\"normalizers\":[]", "\"normalizers\":[{\"type\":\"NFC\"}]"), "normalizer.normalizers is"},
      {with("\"normalizer\":{\"type\":\"Sequence\"", "\"normalizer\":{\"type\":\"NFC\""),
       "normalizer.type is \"NFC\""},
      {with("\\\\p{N}{1,3}", "\\\\p{N}"), "pretokenizers[0].pattern.Regex"},
      {with("[一-龥", "[一-龦"), "pretokenizers[1].pattern.Regex"},
      {with("|\\\\s+(?!\\\\S)", ""), "pretokenizers[2].pattern.Regex"},
      {with("\"Isolated\"", "\"Removed\""), "pretokenizers[0].behavior is \"Removed\""},
      {with("\"invert\":false", "\"invert\":true"), "pretokenizers[0].invert"},
      {with("\"add_prefix_space\":false", "\"add_prefix_space\":true"), "pretokenizers[3].add_prefix_space"},
      {with("\"use_regex\":false", "\"use_regex\":true"), "pretokenizers[3].use_regex"},
      {with("{\"type\":\"Split\"", "{\"type\":\"Digits\"},{\"type\":\"Split\""), "pre_tokenizer has 5 steps"},
      {with("\"pre_tokenizer\"", "\"tokenizer_pre\""), "pre_tokenizer.type is null"},
      {with("\"decoder\":{\"type\":\"ByteLevel\"", "\"decoder\":{\"type\":\"Fuse\""),
       "decoder.type is \"Fuse\""},
      {with("\"type\":\"BPE\"", "\"type\":\"Unigram\""), "model.type is \"Unigram\""},
      {with("\"dropout\":null", "\"dropout\":0.1"), "model.dropout is 0.1"},
      {with("\"unk_token\":null", "\"unk_token\":\"?\""), "model.unk_token"},
      {with("\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"_\""), "model.end_of_word_suffix"},
      {with("\"byte_fallback\":false", "\"byte_fallback\":true"), "model.byte_fallback"},
      {with("\"ignore_merges\":false", "\"ignore_merges\":true"), "model.ignore_merges"},
      {with("\"vocab\":{", "\"vocab\":[],\"x\":{"), "model.vocab is []"},
      {with("\"!\":3", "\"!\":-3"), "the id of \"!\" is -3"},
      {with("\"!\":3", "\"!\":3.5"), "the id of \"!\" is 3.5"},
      {with("\"!\":3", "\"!\":4294967299"), "the id of \"!\" is 4294967299"},
      {with("\"!\":3", "\"!\":4"), "one id to both"},
      {with("\"!\":3,", ""), "no token has the id 3"},
      {with("\"!\":3", "\"\":3"), "has 0 bytes"},
      {with("\"!\":3", "\"!!!!\":3"), "no ordinary token for the byte 0x21"},
      {with("\"!\":3", "\"漢\":3"), "stands for no byte"},
      {with("\"!\":3", "\"" + std::string(kMaxTokenBytes + 1, '!') + "\":3"), "expected 1 to 1024"},
      {with("\"added_tokens\":[", "\"added_tokens\":{},\"x\":["), "added_tokens is {}"},
      {with("\"id\":902", "\"id\":903"), "which \"<think>\" has"},
      {with("\"id\":902", "\"id\":5"), "the id 5, which"},
      {with("\"id\":902", "\"id\":\"902\""), "is \"902\""},
      {with("\"id\":909", "\"id\":910"), "no token has the id 909"},
      {with("\"id\":909", "\"id\":913"), "the id of"},
      {with("\"content\":\"<think>\"", "\"content\":\"\""), "added_tokens[5].content is \"\""},
      {with("\"content\":\"<think>\"", "\"content\":\"" + std::string(kMaxTokenBytes + 1, 'x') + "\""),
       "added_tokens[5].content"},
      {with("\"content\":\"<think>\"", "\"content\":7"), "added_tokens[5].content is 7"},
      {with("\"content\":\"<think>\"", "\"content\":\"</think>\""), "has \"</think>\" twice"},
      {with("\"content\":\"<think>\"", "\"content\":\"!\""), "model.vocab another one"},
      {with("\"single_word\":false", "\"single_word\":true"), "added_tokens[0].single_word"},
      {with("\"lstrip\":false", "\"lstrip\":true"), "added_tokens[0].lstrip"},
      {with("\"merges\":[", "\"merges\":7,\"x\":["), "model.merges is 7"},
      {with("\"merges\":[", "\"merges\":[[\"x\",\"y\",\"z\"],"), "merges[0] is [\"x\",\"y\",\"z\"]"},
      {with("\"merges\":[", "\"merges\":[\"xy\","), "merges[0] is \"xy\""},
      {with("\"merges\":[", "\"merges\":[null,"), "merges[0] is null"},
      {with("\"merges\":[", "\"merges\":[[\"x\",\"漢\"],"), "merges[0] is [\"x\",\"漢\"]; a character"},
      {with("\"merges\":[", "\"merges\":[[\"x\",\"@\"],"), "merges[0] needs \"x@\""},
      {with("\"merges\":[", "\"merges\":[[\"<thi\",\"nk>\"],"), "merges[0] needs \"<thi\""},
      {with("[[\"ã\",\"ģ\"],", "[[\"ã\",\"ģ\"],[\"ã\",\"ģ\"],"), "which is there twice"},
  };
  for (const auto& c : cases) {
    try {
      Tokenizer::from_json(c.json, "x/tokenizer.json");
      ADD_FAILURE() << "accepted, expected: " << c.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
      EXPECT_EQ(std::string(error.what()).rfind("x/tokenizer.json: ", 0), 0u) << error.what();
      EXPECT_NE(std::string(error.what()).find(c.message), std::string::npos)
          << error.what() << "\nexpected: " << c.message;
      EXPECT_LT(std::string(error.what()).size(), 2500u);
    }
  }
}

// A control token that merging could make would let content become control.
TEST(TokenizerJson, RefusesControlTokensThatMergesMake) {
  std::string json = with("{\"id\":902,\"content\":\"<think>\"", "{\"id\":902,\"content\":\"zz\"");
  EXPECT_NO_THROW(Tokenizer::from_json(json, "x"));
  json.replace(json.find("\"merges\":["), 10, "\"merges\":[[\"z\",\"z\"],");
  EXPECT_THROW(Tokenizer::from_json(json, "x"), Error);
}

TEST(TokenizerJson, ReadsMergesOfBothSpellings) {
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(own_json());
  std::string merges;
  for (const simdjson::dom::element merge : simdjson::dom::array(root["model"]["merges"])) {
    const std::string left = simdjson::minify(merge.at(0));
    const std::string right = simdjson::minify(merge.at(1));
    merges += (merges.empty() ? "" : ",") + left.substr(0, left.size() - 1) + " " + right.substr(1);
  }
  const std::string json = with("\"merges\":", "\"merges\":[" + merges + "],\"x\":");
  const Tokenizer spaced = Tokenizer::from_json(json, "spaced");
  const Tokenizer paired = Tokenizer::from_json(own_json(), "paired");
  const std::string text = "Die Straße ist länger than the others, 漢字かな 123 için.";
  EXPECT_EQ(spaced.encode(text), paired.encode(text));
}

TEST(TokenizerJson, MissingFile) {
  try {
    Tokenizer::from_file("/nowhere/tokenizer.json");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
}

// Damage of every kind is refused or harmless, never worse.
TEST(TokenizerJson, SurvivesDamage) {
  std::mt19937 random(1);
  size_t refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string json = own_json();
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % json.size();
      switch (random() % 4) {
        case 0:
          json[at] = static_cast<char>(random());
          break;
        case 1:
          json.erase(at, random() % 20);
          break;
        case 2:
          json.insert(at, json.substr(random() % json.size(), random() % 20));
          break;
        default:
          json[at] = "0123456789\"[]{},:-\\"[random() % 19];
          break;
      }
    }
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(json, "damaged");
      const std::string text = "The lighthouse keeper 漢字 <think> 123";
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace hadal
