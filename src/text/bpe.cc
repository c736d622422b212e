#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

constexpr uint32_t kShortPiece = 64;

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  CHECK(merges.size() <= kMaxMerges);
  const size_t count = std::bit_ceil(2 * merges.size() + 16);
  slots_.assign(count, kEmptySlot);
  filter_.assign(count / 16, 0);
  slot_shift_ = 64 - std::countr_zero(count);
  filter_shift_ = slot_shift_ - 2;
  results_.reserve(merges.size());
  // The slots are all over the table: their memory is asked for some merges ahead.
  constexpr size_t kAhead = 16;
  const auto key_of = [&](size_t rank) { return pair_key(merges[rank].left, merges[rank].right); };
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    if (rank + kAhead < merges.size())
      __builtin_prefetch(&slots_[hash(key_of(rank + kAhead)) >> slot_shift_]);
    const uint64_t key = key_of(rank);
    uint64_t& slot = slots_[place(key)];
    if (slot != kEmptySlot) duplicate_ = static_cast<uint32_t>(rank);
    slot = key << 20 | rank;
    const uint64_t bit = hash(key) >> filter_shift_;
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    results_.push_back(merges[rank].result);
  }
}

Bpe::Bpe(Vocabulary vocabulary, MergeTable merges)
    : vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      memo_(new std::atomic<uint8_t>[vocabulary_.size()]()) {
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    byte_ids_[byte] = vocabulary_.find({&text, 1});
    CHECK(byte_ids_[byte] != Vocabulary::kNone);
  }
}

BpeCall::BpeCall(const Bpe& bpe, size_t text_size, std::vector<int32_t>& out)
    : bpe_(bpe), out_(out), seen_(std::bit_ceil(std::clamp<size_t>(text_size / 32, 16, 8192))) {}

void BpeCall::encode_piece(std::string_view piece) {
  CHECK(piece.size() <= std::numeric_limits<uint32_t>::max());
  ++stats_.pieces;
  const Vocabulary::Key key = Vocabulary::key(piece);
  const int32_t id = bpe_.vocabulary_.find(piece, key);
  if (id != Vocabulary::kNone && is_direct(id)) {
    ++stats_.direct;
    out_.push_back(id);
    return;
  }
  Seen& seen = seen_[key.hash & (seen_.size() - 1)];
  if (piece == std::string_view(seen.text, seen.size)) {
    ++stats_.repeated;
    for (uint32_t i = 0; i < seen.count; ++i) out_.push_back(out_[seen.first + i]);
    return;
  }
  const size_t first = out_.size();
  merge(piece);
  seen = {piece.data(), static_cast<uint32_t>(piece.size()), static_cast<uint32_t>(out_.size() - first),
          first};
}

bool BpeCall::is_direct(int32_t id) {
  std::atomic<uint8_t>& memo = bpe_.memo_[static_cast<size_t>(id)];
  const uint8_t known = memo.load(std::memory_order_relaxed);
  if (known != Bpe::kUnknown) return known == Bpe::kDirect;
  const size_t first = out_.size();
  merge(bpe_.bytes(id));
  const bool direct = out_.size() == first + 1 && out_[first] == id;
  out_.resize(first);
  memo.store(direct ? Bpe::kDirect : Bpe::kNotDirect, std::memory_order_relaxed);
  return direct;
}

void BpeCall::merge(std::string_view piece) {
  if (piece.size() <= kShortPiece) {
    merge_short(piece);
  } else {
    merge_long(piece);
  }
}

// Symbols stay at the place of their first byte. keys[i] is the rank of the pair that begins at i, then i, so
// the least key is the next merge; kNever where no pair begins.
void BpeCall::merge_short(std::string_view piece) {
  constexpr int32_t kNever = std::numeric_limits<int32_t>::max();
  const auto n = static_cast<int>(piece.size());
  int32_t ids[kShortPiece];
  int32_t keys[kShortPiece];
  int16_t next[kShortPiece];
  int16_t previous[kShortPiece];
  const auto pair_at = [&](int i, int j) {
    ++stats_.merge_steps;
    const uint32_t rank = bpe_.merges_.rank(ids[i], ids[j]);
    keys[i] = rank == MergeTable::kNoRank ? kNever : static_cast<int32_t>(rank * kShortPiece) + i;
  };
  for (int i = 0; i < n; ++i) {
    ids[i] = bpe_.byte_ids_[static_cast<uint8_t>(piece[static_cast<size_t>(i)])];
    next[i] = static_cast<int16_t>(i + 1);
    previous[i] = static_cast<int16_t>(i - 1);
  }
  for (int i = 0; i + 1 < n; ++i) pair_at(i, i + 1);
  keys[n - 1] = kNever;
  while (true) {
    int32_t least = kNever;
    for (int i = 0; i < n; ++i) least = std::min(least, keys[i]);
    if (least == kNever) break;
    const int at = least % static_cast<int>(kShortPiece);
    const int gone = next[at];
    ids[at] = bpe_.merges_.result(static_cast<uint32_t>(least) / kShortPiece);
    keys[gone] = kNever;
    next[at] = next[gone];
    if (next[at] < n) {
      previous[next[at]] = static_cast<int16_t>(at);
      pair_at(at, next[at]);
    } else {
      keys[at] = kNever;
    }
    if (previous[at] >= 0) pair_at(previous[at], at);
  }
  for (int i = 0; i < n; i = next[i]) out_.push_back(ids[i]);
}

// The same with a heap of (rank, place). An entry is stale when the pair at its place has another rank by
// now.
void BpeCall::merge_long(std::string_view piece) {
  const auto n = static_cast<uint32_t>(piece.size());
  symbols_.resize(n);
  heap_.clear();
  const auto entry_of = [&](uint32_t i) { return uint64_t{symbols_[i].rank} << 32 | i; };
  const auto rank_pair = [&](uint32_t i) {
    Symbol& symbol = symbols_[i];
    ++stats_.merge_steps;
    symbol.rank =
        symbol.next == n ? MergeTable::kNoRank : bpe_.merges_.rank(symbol.id, symbols_[symbol.next].id);
    return symbol.rank != MergeTable::kNoRank;
  };
  for (uint32_t i = 0; i < n; ++i)
    symbols_[i] = {bpe_.byte_ids_[static_cast<uint8_t>(piece[i])], MergeTable::kNoRank, i + 1, i - 1};
  for (uint32_t i = 0; i < n; ++i) {
    if (rank_pair(i)) heap_.push_back(entry_of(i));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  const auto push = [&](uint32_t i) {
    if (!rank_pair(i)) return;
    heap_.push_back(entry_of(i));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint64_t entry = heap_.back();
    heap_.pop_back();
    ++stats_.merge_steps;
    const auto at = static_cast<uint32_t>(entry);
    Symbol& symbol = symbols_[at];
    if (entry != entry_of(at)) continue;
    Symbol& gone = symbols_[symbol.next];
    symbol.id = bpe_.merges_.result(symbol.rank);
    gone.rank = MergeTable::kNoRank;
    symbol.next = gone.next;
    if (symbol.next != n) symbols_[symbol.next].previous = at;
    push(at);
    if (at != 0) push(symbol.previous);
  }
  for (uint32_t i = 0; i < n; i = symbols_[i].next) out_.push_back(symbols_[i].id);
}

}  // namespace hadal
