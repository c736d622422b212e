#include "text/grammar/vocabulary.h"

#include <algorithm>

#include "base/error.h"
#include "text/grammar/expr.h"
#include "text/grammar/json_library.h"
#include "text/grammar/plain_run.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using Entry = std::pair<std::string_view, int32_t>;

// `entries` are sorted and their bytes distinct.
TokenTrie make_trie(const std::vector<Entry>& entries) {
  TokenTrie trie;
  std::vector<uint32_t> path;  // the nodes of the last entry
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      trie.nodes[path.back()].end = static_cast<uint32_t>(trie.nodes.size());
    }
  };
  for (const auto& [bytes, id] : entries) {
    const auto [mine, other] = std::mismatch(bytes.begin(), bytes.end(), last.begin(), last.end());
    const auto common = static_cast<size_t>(mine - bytes.begin());
    close(common);
    for (size_t i = common; i < bytes.size(); ++i) {
      path.push_back(static_cast<uint32_t>(trie.nodes.size()));
      trie.nodes.push_back(
          {0, TokenTrie::kNoToken, static_cast<uint16_t>(i + 1), static_cast<uint8_t>(bytes[i])});
    }
    trie.nodes[path.back()].token = id;
    last = bytes;
  }
  close(0);
  return trie;
}

void set_bit(std::vector<uint64_t>& mask, int32_t id) {
  mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
}

}  // namespace

GrammarVocabulary::GrammarVocabulary(std::span<const Token> tokens, std::span<const int32_t> stop_ids)
    : stop_ids_(stop_ids.begin(), stop_ids.end()) {
  for (const int32_t id : stop_ids) {
    if (id < 0 || static_cast<size_t>(id) >= tokens.size()) {
      fail(ErrorCode::kUsage, "stop token {} is not among {} tokens", id, tokens.size());
    }
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string spelling(tokens[i].bytes);
    if (tokens[i].control) spelling = grammar::token_bytes(static_cast<int32_t>(i));
    // What no UTF-8 text can hold would be taken for a control token.
    const bool unusable =
        !tokens[i].control && spelling.find(static_cast<char>(grammar::kTokenLead)) != std::string::npos;
    if (unusable || spelling.size() > kMaxTokenBytes) spelling.clear();
    spelling_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(spelling.size())});
    bytes_ += spelling;
  }
  build_tries();
  for (const bool flexible : {false, true}) {
    libraries_[flexible ? 1 : 0] = std::make_unique<const grammar::JsonLibrary>(*this, flexible);
  }
}

GrammarVocabulary::~GrammarVocabulary() = default;

std::shared_ptr<const GrammarVocabulary> GrammarVocabulary::from_tokenizer(const Tokenizer& tokenizer,
                                                                           std::span<const int32_t> stop_ids,
                                                                           size_t rows) {
  std::vector<Token> tokens(std::max(rows, tokenizer.vocab_size()));
  for (size_t i = 0; i < tokenizer.vocab_size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    tokens[i] = {tokenizer.token_bytes(id), tokenizer.is_added(id)};
  }
  return std::make_shared<const GrammarVocabulary>(tokens, stop_ids);
}

std::string_view GrammarVocabulary::spelling(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= rows()) return {};
  const Part part = spelling_[static_cast<size_t>(id)];
  return std::string_view(bytes_).substr(part.begin, part.size);
}

void GrammarVocabulary::build_tries() {
  std::vector<Entry> all;
  for (size_t i = 0; i < rows(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (!spelling(id).empty()) all.emplace_back(spelling(id), id);
  }
  std::sort(all.begin(), all.end());
  std::vector<Entry> distinct;
  for (const Entry& entry : all) {
    if (!distinct.empty() && distinct.back().first == entry.first) {
      aliases_.emplace_back(entry.second, distinct.back().second);
    } else {
      distinct.push_back(entry);
    }
  }
  std::vector<Entry> not_plain;
  std::array<std::vector<Entry>, kBounds.size()> longer;
  for (std::vector<uint64_t>& mask : plain_masks_) mask.resize(mask_words());
  blank_mask_.resize(mask_words());
  for (const Entry& entry : distinct) {
    if (std::string_view(" \t\n\r").find(entry.first[0]) != std::string_view::npos)
      set_bit(blank_mask_, entry.second);
    const int length = grammar::plain_length(entry.first);
    if (length < 0) not_plain.push_back(entry);
    for (size_t b = 0; b < kBounds.size() && length >= 0; ++b) {
      if (length <= kBounds[b] || b + 1 == kBounds.size()) {
        set_bit(plain_masks_[b], entry.second);
      } else {
        longer[b].push_back(entry);
      }
    }
  }
  tries_[kEvery] = make_trie(distinct);
  tries_[kNotPlain] = make_trie(not_plain);
  for (size_t b = 0; b + 1 < kBounds.size(); ++b) tries_[kLonger + b] = make_trie(longer[b]);
}

}  // namespace hadal
