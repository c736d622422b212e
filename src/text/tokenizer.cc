#include "text/tokenizer.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_json.h"

namespace hadal {
namespace {

// Content: no control token, whatever it spells.
void append_content(std::string_view text, BpeCall& call) {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const char* const next = piece_end(p, end);
    call.encode_piece({p, static_cast<size_t>(next - p)});
    p = next;
  }
}

}  // namespace

Tokenizer Tokenizer::from_file(const std::string& path) {
  return Tokenizer(read_tokenizer_json(read_file(path, kMaxTokenizerBytes), path));
}

Tokenizer Tokenizer::from_json(std::string_view json, std::string_view name) {
  return Tokenizer(read_tokenizer_json(std::string(json), name));
}

Tokenizer::Tokenizer(TokenizerParts parts)
    : bpe_(std::move(parts.vocabulary), std::move(parts.merges)), added_(std::move(parts.added)) {}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  BpeCall call(bpe_, text.size(), ids);
  size_t done = 0;
  while (const auto match = added_.next(text, done)) {
    append_content(text.substr(done, match->begin - done), call);
    ids.push_back(match->id);
    done = match->begin + match->size;
  }
  append_content(text.substr(done), call);
  return ids;
}

std::vector<int32_t> Tokenizer::encode_content(std::string_view text, BpeStats* stats) const {
  std::vector<int32_t> ids;
  BpeCall call(bpe_, text.size(), ids);
  append_content(text, call);
  if (stats != nullptr) *stats = call.stats();
  return ids;
}

std::vector<int32_t> Tokenizer::encode_segments(std::string_view text,
                                                std::span<const TextRange> special_ranges) const {
  std::vector<int32_t> ids;
  BpeCall call(bpe_, text.size(), ids);
  size_t done = 0;
  for (const TextRange& range : special_ranges) {
    if (range.begin < static_cast<int64_t>(done) || range.end < range.begin ||
        range.end > static_cast<int64_t>(text.size()))
      fail(ErrorCode::kUsage,
           "markup at bytes [{}, {}): expected a range after byte {} of a text of {} bytes", range.begin,
           range.end, done, text.size());
    const auto begin = static_cast<size_t>(range.begin);
    const std::string_view name = text.substr(begin, static_cast<size_t>(range.end) - begin);
    const std::optional<int32_t> id = added_.find(name);
    if (!id)
      fail(ErrorCode::kUsage, "markup at bytes [{}, {}) is {}, which is no control token of this tokenizer",
           range.begin, range.end, in_quotes(name));
    append_content(text.substr(done, begin - done), call);
    ids.push_back(*id);
    done = static_cast<size_t>(range.end);
  }
  append_content(text.substr(done), call);
  return ids;
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  if (!has_token(id))
    fail(ErrorCode::kUsage, "token id {}: this tokenizer has the ids 0..{}", id, vocab_size() - 1);
  return bpe_.bytes(id);
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) bytes += token_bytes(id);
  return bytes;
}

std::string StreamDecoder::feed(int32_t id) {
  std::string text;
  if (!tokenizer_->has_token(id)) {
    text = flush();
    return text += kReplacementCharacter;
  }
  held_ += tokenizer_->token_bytes(id);
  held_.erase(0, append_repaired_utf8(held_, text));
  return text;
}

std::string StreamDecoder::flush() {
  const bool unfinished = !held_.empty();
  held_.clear();
  return std::string(unfinished ? kReplacementCharacter : "");
}

}  // namespace hadal
