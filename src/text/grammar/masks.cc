#include "text/grammar/masks.h"

namespace hadal::grammar {
namespace {

// Masks of fewer tokens are kept as lists.
constexpr size_t kFewTokens = 1500;

struct MaskSink {
  StateMask& mask;
  uint32_t trie;

  void token(int32_t id) { mask.tokens.push_back(id); }
  void exit(uint32_t node) { mask.exits.push_back({trie, node}); }
};

}  // namespace

MaskCache::MaskCache(const Automata& automata, const GrammarVocabulary& vocabulary, const MaskCache* base)
    : automata_(&automata),
      vocabulary_(&vocabulary),
      base_(base),
      first_(base == nullptr ? 0 : base->first_ + base->count_),
      count_(static_cast<uint32_t>(automata.states.size()) - first_),
      masks_(std::make_unique<std::atomic<const StateMask*>[]>(count_)) {}

MaskCache::~MaskCache() {
  for (uint32_t i = 0; i < count_; ++i) delete masks_[i].load(std::memory_order_relaxed);
}

const StateMask& MaskCache::get(uint32_t state, StateMask& scratch) const {
  if (state < first_) return base_->get(state, scratch);
  std::atomic<const StateMask*>& slot = masks_[state - first_];
  if (const StateMask* const known = slot.load(std::memory_order_acquire)) return *known;
  scratch = compute(state);
  if (bytes_.fetch_add(scratch.bytes(), std::memory_order_relaxed) > kBudgetBytes) return scratch;
  auto kept = std::make_unique<const StateMask>(std::move(scratch));
  const StateMask* expected = nullptr;
  // Another thread may have been quicker; both masks are the same.
  if (slot.compare_exchange_strong(expected, kept.get(), std::memory_order_acq_rel)) return *kept.release();
  return *expected;
}

StateMask MaskCache::compute(uint32_t state) const {
  StateMask mask;
  const uint8_t run = automata_->states[state].plain_run;
  std::vector<size_t> tries{GrammarVocabulary::kEvery};
  if (run > 0) {
    const auto& bounds = GrammarVocabulary::kBounds;
    const auto above = std::upper_bound(bounds.begin(), bounds.end(), run);
    const auto slice = static_cast<size_t>(above - bounds.begin()) - 1;
    const std::span<const uint64_t> plain = vocabulary_->plain_mask(slice);
    mask.bits.assign(plain.begin(), plain.end());
    tries = {GrammarVocabulary::kNotPlain};
    if (slice + 1 < bounds.size()) tries.push_back(GrammarVocabulary::kLonger + slice);
  }
  Stacks stacks(*automata_);
  MaskSink sink{mask, 0};
  TrieWalk walk(*automata_, stacks, sink);
  const Thread start{state, Stacks::kOutermost};
  for (const size_t number : tries) {
    const TokenTrie& trie = vocabulary_->trie(number);
    sink.trie = static_cast<uint32_t>(number);
    walk.run(trie, 0, static_cast<uint32_t>(trie.nodes.size()), {&start, 1});
  }
  if (mask.bits.empty() && mask.tokens.size() < kFewTokens) return mask;
  mask.bits.resize(vocabulary_->mask_words());
  TokenSink bits(mask.bits);
  for (const int32_t id : mask.tokens) bits.token(id);
  mask.tokens = {};
  return mask;
}

}  // namespace hadal::grammar
