#include "text/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>

#include "base/utf8.h"
#include "text/pretokenizer.h"
#include "text/unicode_tables.h"

namespace hadal {
namespace {

bool is_number(std::string_view piece) {
  const Utf8Char first = next_utf8(piece.data(), piece.data() + piece.size());
  return first.status == Utf8Status::kValid && char_class(first.code_point) == CharClass::kNumber;
}

// A piece as the tokens that it is made of so far.
struct Word {
  std::vector<int32_t> tokens;
  uint64_t count;
};

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const uint64_t key =
        uint64_t{static_cast<uint32_t>(pair.first)} << 32 | static_cast<uint32_t>(pair.second);
    return (key * 0x9E3779B97F4A7C15) >> 20;
  }
};

struct Occurrences {
  uint64_t count = 0;
  std::vector<uint32_t> words;  // where it is or once was
};

// The most frequent pair on top; among equals, the one of older tokens.
struct Candidate {
  uint64_t count;
  Pair pair;
  bool operator<(const Candidate& other) const {
    return std::tie(count, other.pair) < std::tie(other.count, pair);
  }
};

class Training {
 public:
  explicit Training(std::vector<Word> words) : words_(std::move(words)) {
    for (int byte = 0; byte < 256; ++byte) id_of(std::string(1, static_cast<char>(byte)));
    for (uint32_t w = 0; w < words_.size(); ++w) add_pairs(w);
    for (const auto& [pair, seen] : pairs_) candidates_.push({seen.count, pair});
    touched_.clear();
  }

  std::vector<ByteMerge> run(size_t tokens) {
    std::vector<ByteMerge> merges;
    const size_t wanted = tokens_.size() + tokens;
    while (tokens_.size() < wanted && !candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      const auto seen = pairs_.find(best.pair);
      if (seen == pairs_.end()) continue;
      if (seen->second.count != best.count) {  // merges made it rarer since
        if (seen->second.count > 1) candidates_.push({seen->second.count, best.pair});
        continue;
      }
      if (best.count < 2) break;
      const std::string& left = tokens_[static_cast<size_t>(best.pair.first)];
      const std::string& right = tokens_[static_cast<size_t>(best.pair.second)];
      if (left.size() + right.size() > BpeTrainer::kLongestToken) continue;
      merges.emplace_back(left, right);
      merge(best.pair, id_of(left + right));
    }
    return merges;
  }

 private:
  // The token of these bytes; a new one if need be. Two merges may lead to the same token.
  int32_t id_of(const std::string& bytes) {
    const auto [known, is_new] = ids_.emplace(bytes, static_cast<int32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(bytes);
    return known->second;
  }

  void add_pairs(uint32_t w) {
    const Word& word = words_[w];
    for (size_t i = 0; i + 1 < word.tokens.size(); ++i) {
      const Pair pair{word.tokens[i], word.tokens[i + 1]};
      Occurrences& seen = pairs_[pair];
      seen.count += word.count;
      if (seen.words.empty() || seen.words.back() != w) seen.words.push_back(w);
      touched_.push_back(pair);
    }
  }

  void remove_pairs(const Word& word) {
    for (size_t i = 0; i + 1 < word.tokens.size(); ++i)
      pairs_[{word.tokens[i], word.tokens[i + 1]}].count -= word.count;
  }

  void merge(const Pair& pair, int32_t result) {
    std::vector<uint32_t> places = std::move(pairs_[pair].words);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    touched_.clear();
    for (const uint32_t w : places) {
      Word& word = words_[w];
      remove_pairs(word);
      std::vector<int32_t>& tokens = word.tokens;
      size_t kept = 0;
      for (size_t i = 0; i < tokens.size(); ++kept) {
        const bool here = i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
        tokens[kept] = here ? result : tokens[i];
        i += here ? 2 : 1;
      }
      tokens.resize(kept);
      add_pairs(w);
    }
    pairs_.erase(pair);
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (const Pair& changed : touched_) {
      if (changed.first == result || changed.second == result)
        candidates_.push({pairs_[changed].count, changed});
    }
  }

  std::vector<Word> words_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::priority_queue<Candidate> candidates_;
  std::vector<Pair> touched_;
};

}  // namespace

void BpeTrainer::add(std::string_view content) {
  const char* const end = content.data() + content.size();
  for (const char* p = content.data(); p != end;) {
    const char* const next = piece_end(p, end);
    const std::string_view piece(p, static_cast<size_t>(next - p));
    p = next;
    if (piece.size() < 2 || piece.size() > kLongestPiece) continue;
    if (!merges_digits_ && is_number(piece)) continue;
    const auto known = counts_.find(piece);
    if (known != counts_.end()) {
      ++known->second;
    } else {
      counts_.emplace(piece, 1);
    }
  }
}

std::vector<ByteMerge> BpeTrainer::train(size_t tokens) const {
  std::vector<Word> words;
  words.reserve(counts_.size());
  for (const auto& [piece, count] : counts_) {
    Word word{{}, count};
    word.tokens.reserve(piece.size());
    for (const char c : piece) word.tokens.push_back(static_cast<uint8_t>(c));
    words.push_back(std::move(word));
  }
  return Training(std::move(words)).run(tokens);
}

}  // namespace hadal
