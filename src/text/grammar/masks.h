// Masks: which tokens may come in a state of an automaton, whatever its rule was called from.
//
// A mask of a state has the tokens that its rule (and what it calls) can read whole, and the places in the
// tries where the rule may end inside a token: only there does the caller matter. Masks are computed when
// they are first wanted and kept, up to a budget, for all matches of the grammar.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/grammar/stacks.h"
#include "text/grammar/vocabulary.h"

namespace hadal::grammar {

// The number of tokens and the bits of a mask that is being made.
class TokenSink {
 public:
  explicit TokenSink(std::span<uint64_t> mask) : mask_(mask) {}
  void add(int32_t id) {
    mask_[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
  }

 private:
  std::span<uint64_t> mask_;
};

struct StateMask {
  struct Exit {
    uint32_t trie, node;
  };
  std::vector<uint64_t> bits;   // where there are many tokens, else empty
  std::vector<int32_t> tokens;  // where there are few
  std::vector<Exit> exits;      // the rule may end before what is below the node

  size_t bytes() const { return bits.size() * 8 + tokens.size() * 4 + exits.size() * 8 + sizeof(*this); }
};

// Decides about the tokens of tries, byte by byte, from where some match stands.
class TrieWalk {
 public:
  TrieWalk(const Automata& automata, Stacks& stacks) : automata_(&automata), stacks_(&stacks) {}

  // Every token below trie.nodes[begin, end) goes to `on_token` if it can be read from `start` on; every node
  // at which the outermost rule may have ended, and that has more below it, to `on_exit`.
  template <typename OnToken, typename OnExit>
  void run(const TokenTrie& trie, uint32_t begin, uint32_t end, std::span<const Thread> start,
           OnToken on_token, OnExit on_exit);

 private:
  // The threads after the byte are appended, and the nodes that they need made.
  void step(size_t begin, uint8_t byte);

  const Automata* automata_;
  Stacks* stacks_;
  Threads threads_;
  std::vector<uint32_t> begins_;  // by depth: where the threads before the byte at this depth begin
};

class MaskCache {
 public:
  static constexpr size_t kBudgetBytes = size_t{48} << 20;

  // The states below `first` belong to `base`, whose cache is asked instead.
  MaskCache(const Automata& automata, const GrammarVocabulary& vocabulary, const MaskCache* base);
  ~MaskCache();
  MaskCache(const MaskCache&) = delete;
  MaskCache& operator=(const MaskCache&) = delete;

  // `scratch` holds the mask when the budget is spent. May be called by several threads at once.
  const StateMask& get(uint32_t state, StateMask& scratch) const;

 private:
  StateMask compute(uint32_t state) const;

  const Automata* automata_;
  const GrammarVocabulary* vocabulary_;
  const MaskCache* base_;
  uint32_t first_;
  uint32_t count_;
  std::unique_ptr<std::atomic<const StateMask*>[]> masks_;
  mutable std::atomic<size_t> bytes_ = 0;
};

inline void TrieWalk::step(size_t begin, uint8_t byte) {
  const size_t end = threads_.size();
  if (end == begin + 1) {
    // One thread inside its rule: the usual case.
    const Thread thread = threads_[begin];
    const Automata::State& state = automata_->states[thread.state];
    if (state.calls_begin == state.calls_end) {
      const uint32_t next = automata_->step(thread.state, byte);
      if (next == Automata::kDead) return;
      if (!automata_->states[next].final) {
        threads_.push_back({next, thread.node});
        return;
      }
    }
  }
  stacks_->step(threads_, begin, end, byte);
}

template <typename OnToken, typename OnExit>
void TrieWalk::run(const TokenTrie& trie, uint32_t begin, uint32_t end, std::span<const Thread> start,
                   OnToken on_token, OnExit on_exit) {
  if (begin == end) return;
  const uint32_t nodes_before = stacks_->size();
  const uint32_t base = trie.nodes[begin].depth;
  threads_.assign(start.begin(), start.end());
  begins_.assign(1, 0);
  for (uint32_t i = begin; i < end;) {
    const TokenTrie::Node& node = trie.nodes[i];
    const uint32_t level = node.depth - base;  // begins_[level]: the threads before this byte
    if (begins_.size() > level + 1) {
      threads_.resize(begins_[level + 1]);
      begins_.resize(level + 1);
    }
    const size_t before = threads_.size();
    step(begins_[level], node.byte);
    if (threads_.size() == before) {
      i = node.end;
      continue;
    }
    if (node.token != TokenTrie::kNoToken) on_token(node.token);
    bool done = false;
    for (size_t t = before; t < threads_.size(); ++t) done |= threads_[t].state == Automata::kDone;
    if (done && node.end > i + 1) on_exit(i);
    begins_.push_back(static_cast<uint32_t>(before));
    i = done && threads_.size() == before + 1 ? node.end : i + 1;
  }
  stacks_->truncate(nodes_before);
}

}  // namespace hadal::grammar
