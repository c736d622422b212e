// PrefixTree: the parts of states of texts, found by the longest beginning that a new text shares with one.
//
// A tree for each namespace: a node is a run of at most kBlockTokens tokens after its parent's, with what
// they appended to the state (its block); shorter ones are ends. Nodes where one may go on from also have a
// tail. Tokens are compared themselves, so nothing is ever found by a hash alone. When the budget is used up
// the tail that was not used for longest goes, and with it the nodes that lead to no tail any more. What a
// part is (bytes in RAM, a file) is the user's: its bytes() says how large. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/state_parts.h"

namespace hadal {

template <typename Part>
class PrefixTree {
 public:
  using Tokens = std::span<const int32_t>;

  struct Node {
    Node* parent = nullptr;
    std::vector<int32_t> tokens;
    int64_t end = 0;  // tokens up to and with this node's
    Part block{};
    bool has_tail = false;
    Part tail{};
    int64_t rollback = 0;  // of the tail
    typename std::list<Node*>::iterator use;
    std::map<std::vector<int32_t>, std::unique_ptr<Node>> children;
  };

  // `on_drop` is told of every part that the tree lets go.
  explicit PrefixTree(int64_t budget_bytes, std::function<void(const Part&)> on_drop = {})
      : budget_bytes_(budget_bytes), on_drop_(std::move(on_drop)) {}
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The node whose tail leads to the longest prefix of `tokens`, which is `usable` tokens (at most
  // max_length): node->end, or less by its rollback. 0 and null if there is none.
  struct Found {
    Node* node = nullptr;
    int64_t usable = 0;
  };
  Found find(const std::string& space, Tokens tokens, int64_t max_length) const {
    Found best;
    const auto root = spaces_.find(space);
    if (root == spaces_.end()) return best;
    const auto offer = [&](Node& node, int64_t same) {
      const int64_t usable = std::min(same, max_length);
      if (node.has_tail && usable >= node.end - node.rollback && usable > best.usable) best = {&node, usable};
    };
    const Node* node = root->second.get();
    while (node != nullptr) {
      const Tokens rest = tokens.subspan(static_cast<size_t>(node->end));
      const Node* next = nullptr;
      for (const auto& [child_tokens, child] : node->children) {
        const auto differs =
            std::mismatch(child_tokens.begin(), child_tokens.end(), rest.begin(), rest.end()).first;
        const int64_t same = differs - child_tokens.begin();
        offer(*child, node->end + same);
        if (same == kBlockTokens)
          next = child.get();
        else if (same >= kBlockTokens - kMaxRollback)  // one comes back from a little behind the border too
          for (const auto& [tokens_behind, behind] : child->children) offer(*behind, node->end + same);
      }
      node = next;
    }
    return best;
  }
  // Nodes from the first block to `node`.
  static std::vector<Node*> path(Node* node) {
    std::vector<Node*> nodes;
    for (; node->parent != nullptr; node = node->parent) nodes.push_back(node);
    std::reverse(nodes.begin(), nodes.end());
    return nodes;
  }
  void touch(Node& node) { uses_.splice(uses_.begin(), uses_, node.use); }

  // Whether there is a tail at the end of `tokens` with that rollback or more.
  bool has(const std::string& space, Tokens tokens, int64_t rollback) const {
    const auto length = static_cast<int64_t>(tokens.size());
    const Found found = find(space, tokens, length);
    return found.node != nullptr && found.node->end == length && found.node->rollback >= rollback;
  }

  // Adds the state at the end of `tokens`; block(first, end) is asked for blocks that are not here. A tail
  // with more rollback takes the place of one with less.
  template <typename Block>
  void insert(const std::string& space, Tokens tokens, Part tail, int64_t rollback, Block&& block) {
    if (tokens.empty() || budget_bytes_ <= 0) return;
    std::unique_ptr<Node>& root = spaces_[space];
    if (root == nullptr) root = std::make_unique<Node>();
    Node* node = root.get();
    while (node->end < std::ssize(tokens)) {
      const Tokens rest = tokens.subspan(static_cast<size_t>(node->end));
      const Tokens piece = rest.first(std::min<size_t>(rest.size(), kBlockTokens));
      std::vector<int32_t> key(piece.begin(), piece.end());
      std::unique_ptr<Node>& child = node->children[key];
      if (child == nullptr) {
        child = std::make_unique<Node>();
        child->parent = node;
        child->end = node->end + std::ssize(piece);
        child->tokens = std::move(key);
        child->block = block(node->end, child->end);
        bytes_ += cost(*child);
      }
      node = child.get();
    }
    set_tail(*node, std::move(tail), rollback);
    while (bytes_ > budget_bytes_ && !uses_.empty()) drop_tail(*uses_.back());
  }

  // Drops the tail, and what leads nowhere without it. The node may be gone afterwards.
  void drop_tail(Node& node) {
    bytes_ -= node.tail.bytes();
    if (on_drop_) on_drop_(node.tail);
    node.has_tail = false;
    node.tail = {};
    uses_.erase(node.use);
    prune(&node);
  }
  // Drops all tails from this node on, and so the node itself.
  void drop_all(Node& node) {
    std::vector<Node*> tails;
    const auto collect = [&](const auto& self, Node& at) -> void {
      if (at.has_tail) tails.push_back(&at);
      for (const auto& [tokens, child] : at.children) self(self, *child);
    };
    collect(collect, node);
    for (Node* tail : tails) drop_tail(*tail);
  }
  // Makes room for this many bytes more.
  void make_room(int64_t bytes) {
    while (bytes_ + bytes > budget_bytes_ && !uses_.empty()) drop_tail(*uses_.back());
  }

  int64_t bytes() const { return bytes_; }
  int64_t budget_bytes() const { return budget_bytes_; }

 private:
  // Beside the tail; the constant is about what the containers take.
  static int64_t cost(const Node& node) {
    return node.block.bytes() + 2 * std::ssize(node.tokens) * static_cast<int64_t>(sizeof(int32_t)) + 256;
  }

  void set_tail(Node& node, Part tail, int64_t rollback) {
    if (node.has_tail && node.rollback >= rollback) {
      if (on_drop_) on_drop_(tail);
      return touch(node);
    }
    if (node.has_tail) {
      bytes_ -= node.tail.bytes();
      if (on_drop_) on_drop_(node.tail);
      touch(node);
    } else {
      node.use = uses_.insert(uses_.begin(), &node);
    }
    node.has_tail = true;
    node.tail = std::move(tail);
    node.rollback = rollback;
    bytes_ += node.tail.bytes();
  }

  void prune(Node* node) {
    while (node->parent != nullptr && !node->has_tail && node->children.empty()) {
      Node* const parent = node->parent;
      bytes_ -= cost(*node);
      if (on_drop_) on_drop_(node->block);
      const std::vector<int32_t> key = std::move(node->tokens);
      parent->children.erase(key);
      node = parent;
    }
    if (node->parent == nullptr && node->children.empty())
      std::erase_if(spaces_, [&](const auto& space) { return space.second.get() == node; });
  }

  const int64_t budget_bytes_;
  const std::function<void(const Part&)> on_drop_;
  int64_t bytes_ = 0;
  std::map<std::string, std::unique_ptr<Node>> spaces_;  // roots
  std::list<Node*> uses_;                                // nodes with tails, the latest first
};

// A part in RAM: shared, so who holds one keeps it alive; it never changes.
struct RamPart {
  std::shared_ptr<const StatePart> data;
  int64_t bytes() const { return data ? std::ssize(*data) : 0; }
};
using PrefixCache = PrefixTree<RamPart>;

}  // namespace hadal
