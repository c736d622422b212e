#include "text/tokenizer_json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"

namespace hadal {
namespace {

using simdjson::dom::element;

constexpr std::string_view kSplitPatterns[] = {
    R"(\p{N}{1,3})",
    "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^)"
    "\r\n"
    R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[)"
    "\r\n"
    R"(]*|\s*[)"
    "\r\n"
    R"(]+|\s+(?!\S)|\s+)",
};

// The spelling of bytes in a byte-level vocabulary: printable Latin-1 stands for itself, the other bytes for
// the characters from U+0100 on.
constexpr uint32_t kSpellings = 256 + 68;
constexpr std::array<int16_t, kSpellings> kByteOfSpelling = [] {
  std::array<int16_t, kSpellings> bytes{};
  bytes.fill(-1);
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    bytes[itself ? byte : next++] = static_cast<int16_t>(byte);
  }
  return bytes;
}();

// Appends the bytes that a byte-level name spells. False when a character of it spells no byte.
bool append_bytes(std::string_view name, std::string& out) {
  const char* const end = name.data() + name.size();
  for (const char* p = name.data(); p != end;) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid || c.code_point >= kSpellings || kByteOfSpelling[c.code_point] < 0)
      return false;
    out.push_back(static_cast<char>(kByteOfSpelling[c.code_point]));
    p += c.size;
  }
  return true;
}

// The bytes of a merge: left, then right.
struct SpelledMerge {
  std::string bytes;
  size_t cut = 0;
  Vocabulary::Key keys[3];

  // 0: left, 1: right, 2: what they become.
  std::string_view part(int which) const {
    const std::string_view whole = bytes;
    return which == 0 ? whole.substr(0, cut) : which == 1 ? whole.substr(cut) : whole;
  }
};

class Reader {
 public:
  Reader(const std::string& json, std::string_view name) : name_(name) {
    if (json.size() > kMaxTokenizerBytes)
      bad("{} bytes, more than the {} that a tokenizer.json may have", json.size(), kMaxTokenizerBytes);
    const auto error = parser_.parse(json).get(root_);
    if (error) bad("not valid JSON: {}", simdjson::error_message(error));
    if (!root_.is_object()) bad("the file is {}, not a JSON object", shown(root_));
  }

  TokenizerParts read() {
    check_normalizer();
    check_pre_tokenizer();
    check_decoder();
    check_model();
    read_names();
    Vocabulary vocabulary = make_vocabulary();
    MergeTable merges = make_merges(vocabulary);
    return {std::move(vocabulary), std::move(merges), AddedTokens(std::move(added_))};
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", name_, fmt::format(format, std::forward<Args>(args)...));
  }

  void check_normalizer() const;
  void check_pre_tokenizer() const;
  void check_decoder() const;
  void check_model() const;
  void read_names();
  void read_added(element token);
  Vocabulary make_vocabulary() const;
  void check_added_are_not_ordinary(const Vocabulary& vocabulary) const;
  MergeTable make_merges(const Vocabulary& vocabulary) const;
  void spell(element entry, size_t index, SpelledMerge& spelled) const;
  Merge find_tokens(const SpelledMerge& spelled, const Vocabulary& vocabulary, size_t index) const;
  std::pair<std::string_view, std::string_view> merge_sides(element entry, size_t index) const;

  // A member of an object; null where it is missing.
  static element member(element object, std::string_view key);
  element array_member(element object, std::string_view key, std::string_view field) const;
  void expect_string(element object, std::string_view key, std::string_view field,
                     std::string_view expected) const;
  void expect_false(element object, std::string_view key, std::string_view field) const;
  size_t id_of(element value, std::string_view token) const;
  // The start of a value's JSON, for messages.
  static std::string shown(element value);

  struct Name {
    std::string_view text;  // as the file spells it; data() is null where the id has no token
    bool added = false;
  };

  std::string name_;
  simdjson::dom::parser parser_;
  element root_;
  std::vector<Name> names_;  // by id
  std::vector<AddedTokens::Token> added_;
};

void Reader::check_normalizer() const {
  const element normalizer = member(root_, "normalizer");
  if (normalizer.is_null()) return;
  expect_string(normalizer, "type", "normalizer.type", "Sequence");
  const element steps = array_member(normalizer, "normalizers", "normalizer.normalizers");
  if (simdjson::dom::array(steps).size() != 0)
    bad("normalizer.normalizers is {}; only a tokenizer that does not normalise is known", shown(steps));
}

void Reader::check_pre_tokenizer() const {
  const element pre_tokenizer = member(root_, "pre_tokenizer");
  expect_string(pre_tokenizer, "type", "pre_tokenizer.type", "Sequence");
  const element list = array_member(pre_tokenizer, "pretokenizers", "pre_tokenizer.pretokenizers");
  const simdjson::dom::array steps(list);
  if (steps.size() != 4)
    bad("pre_tokenizer has {} steps ({}); known is the DeepSeek-V4 sequence of three splits and ByteLevel",
        steps.size(), shown(list));
  for (size_t i = 0; i < 3; ++i) {
    const element step = steps.at(i);
    const std::string field = fmt::format("pre_tokenizer.pretokenizers[{}]", i);
    expect_string(step, "type", field + ".type", "Split");
    expect_string(member(step, "pattern"), "Regex", field + ".pattern.Regex", kSplitPatterns[i]);
    expect_string(step, "behavior", field + ".behavior", "Isolated");
    expect_false(step, "invert", field + ".invert");
  }
  const element last = steps.at(3);
  expect_string(last, "type", "pre_tokenizer.pretokenizers[3].type", "ByteLevel");
  expect_false(last, "add_prefix_space", "pre_tokenizer.pretokenizers[3].add_prefix_space");
  expect_false(last, "use_regex", "pre_tokenizer.pretokenizers[3].use_regex");
}

void Reader::check_decoder() const {
  const element decoder = member(root_, "decoder");
  if (!decoder.is_null()) expect_string(decoder, "type", "decoder.type", "ByteLevel");
}

void Reader::check_model() const {
  const element model = member(root_, "model");
  expect_string(model, "type", "model.type", "BPE");
  for (const std::string_view key : {"dropout", "unk_token"}) {
    const element value = member(model, key);
    if (!value.is_null()) bad("model.{} is {}; only null is known", key, shown(value));
  }
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!member(model, key).is_null()) expect_string(model, key, fmt::format("model.{}", key), "");
  }
  for (const std::string_view key : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    if (!member(model, key).is_null()) expect_false(model, key, fmt::format("model.{}", key));
  }
}

void Reader::read_names() {
  const element vocab = member(member(root_, "model"), "vocab");
  if (!vocab.is_object()) bad("model.vocab is {}; expected an object of token: id", shown(vocab));
  const element added = array_member(root_, "added_tokens", "added_tokens");
  const simdjson::dom::object base_tokens(vocab);
  const simdjson::dom::array added_tokens(added);
  // The parser's counts saturate at 2^24 - 1, which is over the limit too.
  const size_t listed = base_tokens.size() + added_tokens.size();
  if (listed > Vocabulary::kMaxTokens)
    bad("model.vocab and added_tokens list {} tokens, more than {}", listed, Vocabulary::kMaxTokens);
  names_.resize(listed);
  for (const auto& [token, value] : base_tokens) {
    Name& name = names_[id_of(value, token)];
    if (name.text.data() != nullptr)
      bad("model.vocab gives one id to both {} and {}", in_quotes(name.text), in_quotes(token));
    name.text = token;
  }
  for (const element token : added_tokens) read_added(token);
  while (!names_.empty() && names_.back().text.data() == nullptr) names_.pop_back();
  for (size_t id = 0; id < names_.size(); ++id) {
    if (names_[id].text.data() == nullptr)
      bad("no token has the id {}, but {} has {}; ids must have no gaps", id, in_quotes(names_.back().text),
          names_.size() - 1);
  }
}

void Reader::read_added(element token) {
  const size_t index = added_.size();
  std::string_view text;
  if (member(token, "content").get(text) || text.empty() || text.size() > kMaxTokenBytes)
    bad("added_tokens[{}].content is {}; expected a string of 1 to {} bytes", index,
        shown(member(token, "content")), kMaxTokenBytes);
  for (const std::string_view key : {"single_word", "lstrip", "rstrip"}) {
    if (!member(token, key).is_null())
      expect_false(token, key, fmt::format("added_tokens[{}].{}", index, key));
  }
  const size_t id = id_of(member(token, "id"), text);
  Name& name = names_[id];
  if (name.added || (name.text.data() != nullptr && name.text != text))
    bad("added_tokens[{}] gives {} the id {}, which {} has", index, in_quotes(text), id,
        in_quotes(name.text));
  name = {text, true};
  added_.push_back({std::string(text), static_cast<int32_t>(id)});
}

Vocabulary Reader::make_vocabulary() const {
  ByteStrings tokens;
  tokens.bytes.reserve(8 * names_.size());
  tokens.ends.reserve(names_.size());
  std::vector<bool> ordinary;
  ordinary.reserve(names_.size());
  for (const Name& name : names_) {
    const size_t begin = tokens.bytes.size();
    if (name.added) {
      tokens.bytes += name.text;
    } else if (!append_bytes(name.text, tokens.bytes)) {
      bad("model.vocab: {} has a character that stands for no byte, and is not in added_tokens",
          in_quotes(name.text));
    }
    const size_t size = tokens.bytes.size() - begin;
    if (size == 0 || size > kMaxTokenBytes)
      bad("model.vocab: the token of id {} has {} bytes; expected 1 to {}", tokens.size(), size,
          kMaxTokenBytes);
    tokens.ends.push_back(static_cast<uint32_t>(tokens.bytes.size()));
    ordinary.push_back(!name.added);
  }
  Vocabulary vocabulary(std::move(tokens), ordinary);
  const int32_t duplicate = vocabulary.duplicate();
  if (duplicate != Vocabulary::kNone)
    bad("model.vocab has {} twice", in_quotes(names_[static_cast<size_t>(duplicate)].text));
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    if (vocabulary.find({&text, 1}) == Vocabulary::kNone)
      bad("model.vocab has no ordinary token for the byte 0x{:02X}; all 256 are needed", byte);
  }
  check_added_are_not_ordinary(vocabulary);
  return vocabulary;
}

void Reader::check_added_are_not_ordinary(const Vocabulary& vocabulary) const {
  std::vector<std::string_view> texts;
  std::string bytes;
  for (const AddedTokens::Token& token : added_) {
    bytes.clear();
    if (append_bytes(token.text, bytes) && vocabulary.find(bytes) != Vocabulary::kNone)
      bad("added_tokens gives {} the id {}, model.vocab another one", in_quotes(token.text), token.id);
    texts.push_back(token.text);
  }
  std::sort(texts.begin(), texts.end());
  const auto twice = std::adjacent_find(texts.begin(), texts.end());
  if (twice != texts.end()) bad("added_tokens has {} twice", in_quotes(*twice));
}

MergeTable Reader::make_merges(const Vocabulary& vocabulary) const {
  const element list = array_member(member(root_, "model"), "merges", "model.merges");
  const simdjson::dom::array array(list);
  if (array.size() > MergeTable::kMaxMerges)
    bad("model.merges has {} entries, more than {}", array.size(), MergeTable::kMaxMerges);
  std::vector<Merge> merges;
  merges.reserve(array.size());
  // The tokens are found some merges after their memory was asked for.
  std::array<SpelledMerge, 16> ahead;
  size_t read = 0;
  for (const element entry : array) {
    SpelledMerge& spelled = ahead[read % ahead.size()];
    if (read >= ahead.size()) merges.push_back(find_tokens(spelled, vocabulary, merges.size()));
    spell(entry, read++, spelled);
    for (int part = 0; part < 3; ++part)
      vocabulary.prefetch(spelled.keys[part] = Vocabulary::key(spelled.part(part)));
  }
  while (merges.size() < read)
    merges.push_back(find_tokens(ahead[merges.size() % ahead.size()], vocabulary, merges.size()));
  MergeTable table(merges);
  if (table.duplicate() != MergeTable::kNoRank)
    bad("model.merges[{}] is {}, which is there twice", table.duplicate(),
        shown(array.at(table.duplicate())));
  return table;
}

void Reader::spell(element entry, size_t index, SpelledMerge& spelled) const {
  const auto [left, right] = merge_sides(entry, index);
  spelled.bytes.clear();
  const bool left_ok = append_bytes(left, spelled.bytes);
  spelled.cut = spelled.bytes.size();
  if (!append_bytes(right, spelled.bytes) || !left_ok)
    bad("model.merges[{}] is {}; a character of it stands for no byte", index, shown(entry));
}

Merge Reader::find_tokens(const SpelledMerge& spelled, const Vocabulary& vocabulary, size_t index) const {
  int32_t ids[3];
  for (int part = 0; part < 3; ++part) {
    ids[part] = vocabulary.find(spelled.part(part), spelled.keys[part]);
    if (ids[part] == Vocabulary::kNone)
      bad("model.merges[{}] needs {}, which is no ordinary token of model.vocab", index,
          in_quotes(spelled.part(part)));
  }
  return {ids[0], ids[1], ids[2]};
}

// "left right" or ["left", "right"].
std::pair<std::string_view, std::string_view> Reader::merge_sides(element entry, size_t index) const {
  std::string_view left;
  std::string_view right;
  if (entry.get(left) == simdjson::SUCCESS) {
    const size_t space = left.find(' ');
    if (space != std::string_view::npos) return {left.substr(0, space), left.substr(space + 1)};
  } else if (entry.is_array()) {
    const simdjson::dom::array sides(entry);
    if (sides.size() == 2 && !sides.at(0).get(left) && !sides.at(1).get(right)) return {left, right};
  }
  bad("model.merges[{}] is {}; expected \"left right\" or [\"left\", \"right\"]", index, shown(entry));
}

element Reader::member(element object, std::string_view key) {
  element value;
  if (object.is_object() && object[key].get(value) == simdjson::SUCCESS) return value;
  // The one null that stands for all that are missing.
  static simdjson::dom::parser parser;
  static const element null = parser.parse("null", 4);
  return null;
}

element Reader::array_member(element object, std::string_view key, std::string_view field) const {
  const element value = member(object, key);
  if (!value.is_array()) bad("{} is {}; expected an array", field, shown(value));
  return value;
}

void Reader::expect_string(element object, std::string_view key, std::string_view field,
                           std::string_view expected) const {
  std::string_view value;
  const element seen = member(object, key);
  if (seen.get(value) || value != expected)
    bad("{} is {}; only {} is known", field, shown(seen), in_quotes(expected));
}

void Reader::expect_false(element object, std::string_view key, std::string_view field) const {
  bool value = true;
  const element seen = member(object, key);
  if (seen.get(value) || value) bad("{} is {}; only false is known", field, shown(seen));
}

size_t Reader::id_of(element value, std::string_view token) const {
  uint64_t id = 0;
  if (value.get(id) || id >= names_.size())
    bad("the id of {} is {}; {} tokens have the ids from 0 on", in_quotes(token), shown(value),
        names_.size());
  return id;
}

std::string Reader::shown(element value) {
  constexpr size_t kLongest = 200;
  std::string text = simdjson::minify(value);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

TokenizerParts read_tokenizer_json(const std::string& json, std::string_view name) {
  return Reader(json, name).read();
}

}  // namespace hadal
