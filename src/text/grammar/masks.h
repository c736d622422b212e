// Masks: which tokens may come in a state of an automaton, whatever its rule was called from.
//
// A mask of a state has the tokens that its rule (and what it calls) can read whole, and the places in the
// tries where the rule may end inside a token: only there does the caller matter. Masks are computed when
// they are first wanted and kept, up to a budget, for all matches of the grammar.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/grammar/stacks.h"
#include "text/grammar/vocabulary.h"

namespace hadal::grammar {

// Sets the bits of a mask.
class TokenSink {
 public:
  explicit TokenSink(std::span<uint64_t> mask) : mask_(mask) {}
  void token(int32_t id) {
    mask_[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
  }
  void exit(uint32_t /*node*/) {}

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

// Decides about the tokens of tries, byte by byte, from where some match stands. The sink is told of every
// token that can be read, and of every node at which the outermost rule may have ended and that has more
// below it.
template <typename Sink>
class TrieWalk {
 public:
  TrieWalk(const Automata& automata, Stacks& stacks, Sink& sink)
      : automata_(automata), stacks_(stacks), sink_(sink) {}

  // The tokens below trie.nodes[begin, end), which are neighbours with all that is below them.
  void run(const TokenTrie& trie, uint32_t begin, uint32_t end, std::span<const Thread> start) {
    if (begin == end) return;
    const uint32_t nodes_before = stacks_.size();
    threads_.assign(start.begin(), start.end());
    visit(trie, begin, end, 0);
    stacks_.truncate(nodes_before);
  }

 private:
  // From the threads that begin with number `first`.
  void visit(const TokenTrie& trie, uint32_t begin, uint32_t end, size_t first) {
    const size_t last = threads_.size();
    if (last == first + 1 && !automata_.calls_something(threads_[first].state)) {
      return visit_inside(trie, begin, end, threads_[first]);
    }
    for (uint32_t i = begin; i < end; i = trie.nodes[i].end) {
      stacks_.step(threads_, first, last, trie.nodes[i].byte);
      arrive(trie, i, last);
      threads_.resize(last);
    }
  }

  // The usual case: one thread, which goes from state to state inside its rule.
  void visit_inside(const TokenTrie& trie, uint32_t begin, uint32_t end, Thread thread) {
    const uint8_t* const classes = automata_.classes[automata_.states[thread.state].bytes].data();
    states_[trie.nodes[begin].depth] = thread.state;
    for (uint32_t i = begin; i < end;) {
      const TokenTrie::Node& node = trie.nodes[i];
      const uint32_t state = states_[node.depth];
      const uint32_t next = automata_.cells[automata_.states[state].row + classes[node.byte]];
      if (next == Automata::kDead) {
        i = node.end;
      } else if (automata_.is_inside(next)) {
        if (node.token != TokenTrie::kNoToken) sink_.token(node.token);
        states_[node.depth + 1u] = next;
        ++i;
      } else {
        const size_t before = threads_.size();
        threads_.push_back({state, thread.node});
        stacks_.step(threads_, before, before + 1, node.byte);
        arrive(trie, i, before + 1);
        threads_.resize(before);
        i = node.end;
      }
    }
  }

  // At node i, with the threads after its byte.
  void arrive(const TokenTrie& trie, uint32_t i, size_t first) {
    if (threads_.size() == first) return;
    const TokenTrie::Node& node = trie.nodes[i];
    if (node.token != TokenTrie::kNoToken) sink_.token(node.token);
    if (node.end == i + 1) return;
    const auto done = std::find(threads_.begin() + static_cast<ptrdiff_t>(first), threads_.end(),
                                Thread{Automata::kDone, Stacks::kOutermost});
    if (done != threads_.end()) {
      sink_.exit(i);
      threads_.erase(done);
    }
    if (threads_.size() > first) visit(trie, i + 1, node.end, first);
  }

  const Automata& automata_;
  Stacks& stacks_;
  Sink& sink_;
  Threads threads_;
  std::array<uint32_t, GrammarVocabulary::kMaxTokenBytes + 2> states_{};  // before the byte at a depth
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

}  // namespace hadal::grammar
