// PrefixCache: states of texts that were computed before, in RAM, so that the longest known beginning of a
// new text need not be computed again.
//
// A tree for each namespace: a node is a run of at most kBlockTokens tokens after its parent's, with what
// they appended to the state; shorter ones are ends. Nodes where one may go on from also have a tail. Tokens
// are compared themselves, so nothing is ever found by a hash alone. When the budget is used up the tail that
// was not used for longest goes, and with it the nodes that lead to no tail any more. Not thread-safe; parts
// are shared and never change, so who holds one keeps it alive.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/state_parts.h"

namespace hadal {

class PrefixCache {
 public:
  using Part = std::shared_ptr<const StatePart>;

  explicit PrefixCache(int64_t budget_bytes) : budget_bytes_(budget_bytes) {}
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The state that leads to the longest usable prefix of `tokens`. `usable` (at most max_length) of
  // parts.length tokens are those of the text; 0: nothing is known.
  struct Match {
    int64_t usable = 0;
    StateParts parts;
  };
  Match find(const std::string& space, std::span<const int32_t> tokens, int64_t max_length);
  // The same without counting as a use; only the length.
  int64_t known_length(const std::string& space, std::span<const int32_t> tokens, int64_t max_length) const;

  // Keeps the state at the end of `tokens`. `block(first, end)` is asked for blocks that are not known yet. A
  // tail with more rollback replaces one with less.
  using SaveBlock = std::function<Part(int64_t first, int64_t end)>;
  void insert(const std::string& space, std::span<const int32_t> tokens, Part tail, int64_t rollback,
              const SaveBlock& block);
  // Whether insert() of this would keep nothing new.
  bool has(const std::string& space, std::span<const int32_t> tokens, int64_t rollback) const;

  int64_t bytes() const { return bytes_; }
  int64_t budget_bytes() const { return budget_bytes_; }

 private:
  struct Node {
    Node* parent = nullptr;
    std::vector<int32_t> tokens;
    int64_t end = 0;  // tokens up to and with this node's
    Part block, tail;
    int64_t rollback = 0;
    std::list<Node*>::iterator use;  // where it has a tail
    std::map<std::vector<int32_t>, std::unique_ptr<Node>> children;
  };
  struct Found {
    const Node* node = nullptr;
    int64_t usable = 0;
  };

  Found search(const std::string& space, std::span<const int32_t> tokens, int64_t max_length) const;
  void drop_tail(Node& node);
  void prune(Node* node);
  static int64_t cost(const Node& node);

  const int64_t budget_bytes_;
  int64_t bytes_ = 0;
  std::map<std::string, std::unique_ptr<Node>> spaces_;  // roots
  std::list<Node*> uses_;                                // nodes with tails, the latest first
};

}  // namespace hadal
