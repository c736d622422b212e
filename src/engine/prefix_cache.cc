#include "engine/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

std::span<const int32_t> piece_at(std::span<const int32_t> tokens, int64_t first) {
  const auto rest = tokens.subspan(static_cast<size_t>(first));
  return rest.first(std::min<size_t>(rest.size(), kBlockTokens));
}

int64_t bytes_of(const PrefixCache::Part& part) { return part ? std::ssize(*part) : 0; }

}  // namespace

// What a node costs beside its tail; the constant is about what the containers take.
int64_t PrefixCache::cost(const Node& node) {
  return bytes_of(node.block) + 2 * std::ssize(node.tokens) * 4 + 256;
}

// Down the tree as far as whole nodes match; on the way, the best place to go on from.
PrefixCache::Found PrefixCache::search(const std::string& space, std::span<const int32_t> tokens,
                                       int64_t max_length) const {
  Found best;
  const auto root = spaces_.find(space);
  if (root == spaces_.end()) return best;
  const auto offer = [&](const Node& node, int64_t same) {
    const int64_t usable = std::min(same, max_length);
    if (node.tail == nullptr || usable < node.end - node.rollback || usable <= best.usable) return;
    best = {&node, usable};
  };
  const Node* node = root->second.get();
  while (node != nullptr) {
    const std::span<const int32_t> rest = tokens.subspan(static_cast<size_t>(node->end));
    const Node* next = nullptr;
    for (const auto& [child_tokens, child] : node->children) {
      const int64_t same = common_prefix(child_tokens, rest);
      offer(*child, node->end + same);
      if (same == kBlockTokens)
        next = child.get();
      else if (same >= kBlockTokens - kMaxRollback)  // from a little behind the border one comes back too
        for (const auto& [tokens_behind, behind] : child->children) offer(*behind, node->end + same);
    }
    node = next;
  }
  return best;
}

int64_t PrefixCache::known_length(const std::string& space, std::span<const int32_t> tokens,
                                  int64_t max_length) const {
  return search(space, tokens, max_length).usable;
}

PrefixCache::Match PrefixCache::find(const std::string& space, std::span<const int32_t> tokens,
                                     int64_t max_length) {
  const Found found = search(space, tokens, max_length);
  Match match;
  if (found.node == nullptr) return match;
  match.usable = found.usable;
  match.parts.length = found.node->end;
  match.parts.tail = found.node->tail;
  match.parts.rollback = found.node->rollback;
  for (const Node* node = found.node; node->parent != nullptr; node = node->parent)
    match.parts.blocks.push_back(node->block);
  std::reverse(match.parts.blocks.begin(), match.parts.blocks.end());
  uses_.splice(uses_.begin(), uses_, found.node->use);
  return match;
}

bool PrefixCache::has(const std::string& space, std::span<const int32_t> tokens, int64_t rollback) const {
  const auto length = static_cast<int64_t>(tokens.size());
  const Found found = search(space, tokens, length);
  return found.usable == length && found.node->end == length && found.node->rollback >= rollback;
}

void PrefixCache::insert(const std::string& space, std::span<const int32_t> tokens, Part tail,
                         int64_t rollback, const SaveBlock& block) {
  if (tokens.empty() || budget_bytes_ <= 0) return;
  std::unique_ptr<Node>& root = spaces_[space];
  if (root == nullptr) root = std::make_unique<Node>();
  Node* node = root.get();
  while (node->end < std::ssize(tokens)) {
    const std::span<const int32_t> piece = piece_at(tokens, node->end);
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
  if (node->tail == nullptr || node->rollback < rollback) {
    if (node->tail != nullptr)
      bytes_ -= bytes_of(node->tail);
    else
      node->use = uses_.insert(uses_.begin(), node);
    node->tail = std::move(tail);
    node->rollback = rollback;
    bytes_ += bytes_of(node->tail);
  }
  uses_.splice(uses_.begin(), uses_, node->use);
  while (bytes_ > budget_bytes_ && !uses_.empty()) drop_tail(*uses_.back());
}

void PrefixCache::drop_tail(Node& node) {
  bytes_ -= bytes_of(node.tail);
  node.tail.reset();
  uses_.erase(node.use);
  prune(&node);
}

// Removes what leads nowhere, from `node` upwards.
void PrefixCache::prune(Node* node) {
  while (node->parent != nullptr && node->tail == nullptr && node->children.empty()) {
    Node* const parent = node->parent;
    bytes_ -= cost(*node);
    const std::vector<int32_t> key = std::move(node->tokens);
    parent->children.erase(key);
    node = parent;
  }
  if (node->parent == nullptr && node->children.empty())
    std::erase_if(spaces_, [&](const auto& space) { return space.second.get() == node; });
}

}  // namespace hadal
