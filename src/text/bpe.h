// Byte-pair encoding of pieces: bytes -> ids, by merging the pair of lowest rank until none is left (leftmost
// first among equals).
//
// Three ways to the same ids, fastest first: the piece is a token that merging its bytes gives back; the
// piece was seen before in this call; merging itself, with a scan over a table for short pieces and a heap
// for long ones. So no piece costs more than n log n.
//
// Bpe is immutable but for one memo: per token, whether merging its bytes gives it back, found out at first
// use. The memo is a relaxed atomic of which every thread would write the same value, so const calls may run
// at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "text/bpe_vocabulary.h"

namespace hadal {

// Tokens left and right become token result. A merge's rank is its place in the list.
struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;
};

// Work done, summed over calls.
struct BpeStats {
  uint64_t pieces = 0;
  uint64_t direct = 0;       // pieces that are a token as they stand
  uint64_t repeated = 0;     // pieces seen before in the same call
  uint64_t merge_steps = 0;  // pairs looked up and heap entries taken while merging the rest
};

// Rank of each pair of tokens that merges.
class MergeTable {
 public:
  static constexpr size_t kMaxMerges = (size_t{1} << 20) - 1;
  static constexpr uint32_t kNoRank = kMaxMerges;

  // The merges by rank, kMaxMerges at most, of tokens below Vocabulary::kMaxTokens.
  explicit MergeTable(const std::vector<Merge>& merges);

  // The rank of a merge whose pair another one has too; kNoRank in a sound table.
  uint32_t duplicate() const { return duplicate_; }
  uint32_t rank(int32_t left, int32_t right) const {
    const uint64_t key = pair_key(left, right);
    if (!may_merge(hash(key))) return kNoRank;
    // An empty slot reads as kNoRank.
    return static_cast<uint32_t>(slots_[place(key)] & kNoRank);
  }
  int32_t result(uint32_t rank) const { return results_[rank]; }

 private:
  static constexpr uint64_t kEmptySlot = ~uint64_t{0};
  static uint64_t pair_key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 20 | static_cast<uint32_t>(right);
  }
  static uint64_t hash(uint64_t key) { return key * 0x9E3779B97F4A7C15; }
  // Most pairs that are asked for do not merge, and most of those have no bit here: less memory to look
  // through.
  bool may_merge(uint64_t hash_of_key) const {
    const uint64_t bit = hash_of_key >> filter_shift_;
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0;
  }
  // Where this pair is, or the empty slot where it would go.
  size_t place(uint64_t key) const {
    size_t at = hash(key) >> slot_shift_;
    while (slots_[at] >> 20 != key && slots_[at] != kEmptySlot) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  // An open-addressing table, half full at most: left 20 bits, right 20, rank 20 in one word.
  std::vector<uint64_t> slots_;
  std::vector<uint64_t> filter_;  // four bits per slot, of which those of the pairs' hashes are set
  int slot_shift_;
  int filter_shift_;
  std::vector<int32_t> results_;
  uint32_t duplicate_ = kNoRank;
};

class Bpe {
 public:
  // Every single byte must be a findable token of the vocabulary.
  Bpe(Vocabulary vocabulary, MergeTable merges);

  size_t vocab_size() const { return vocabulary_.size(); }
  std::string_view bytes(int32_t id) const { return vocabulary_.bytes(id); }

 private:
  friend class BpeCall;
  enum Memo : uint8_t { kUnknown, kDirect, kNotDirect };

  Vocabulary vocabulary_;
  MergeTable merges_;
  int32_t byte_ids_[256];
  std::unique_ptr<std::atomic<uint8_t>[]> memo_;
};

// One encode call: appends the ids of piece after piece to `out`, remembering where in `out` the merged ones
// are.
class BpeCall {
 public:
  // All pieces together are about `text_size` bytes; they must stay where they are until the call is over.
  BpeCall(const Bpe& bpe, size_t text_size, std::vector<int32_t>& out);

  // Not empty, and less than 4 GiB.
  void encode_piece(std::string_view piece);
  const BpeStats& stats() const { return stats_; }

 private:
  // A piece that had to be merged.
  struct Seen {
    const char* text = nullptr;
    uint32_t size = 0;
    uint32_t count = 0;
    size_t first = 0;  // its ids are out_[first .. first + count)
  };

  bool is_direct(int32_t id);
  void merge(std::string_view piece);
  void merge_short(std::string_view piece);
  void merge_long(std::string_view piece);

  const Bpe& bpe_;
  std::vector<int32_t>& out_;
  std::vector<Seen> seen_;
  BpeStats stats_;
  // Scratch of merge_long, one per byte of the piece.
  struct Symbol {
    int32_t id;     // Vocabulary::kNone once merged into the one before
    uint32_t rank;  // of the pair that it begins
    uint32_t next;
    uint32_t previous;
  };
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
};

}  // namespace hadal
