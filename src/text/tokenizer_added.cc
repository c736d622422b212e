#include "text/tokenizer_added.h"

#include <algorithm>

namespace hadal {

AddedTokens::AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)), nodes_(1) {
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) { return a.text < b.text; });
  for (const Token& token : tokens_) {
    ids_.push_back(token.id);
    begins_[static_cast<uint8_t>(token.text[0])] = true;
  }
  std::sort(ids_.begin(), ids_.end());
  build(0, 0, tokens_.size(), 0);
}

// Tokens [first, last) share the first `depth` bytes, which lead to `node`.
void AddedTokens::build(uint32_t node, size_t first, size_t last, size_t depth) {
  if (first != last && tokens_[first].text.size() == depth) nodes_[node].id = tokens_[first++].id;
  const auto first_child = static_cast<uint32_t>(nodes_.size());
  std::vector<size_t> starts;
  for (size_t i = first; i != last; ++i) {
    if (i == first || tokens_[i].text[depth] != tokens_[i - 1].text[depth]) starts.push_back(i);
  }
  for (const size_t i : starts) nodes_.push_back({.byte = static_cast<uint8_t>(tokens_[i].text[depth])});
  nodes_[node].first_child = first_child;
  nodes_[node].children = static_cast<uint16_t>(starts.size());
  starts.push_back(last);
  for (size_t c = 0; c + 1 < starts.size(); ++c)
    build(first_child + static_cast<uint32_t>(c), starts[c], starts[c + 1], depth + 1);
}

uint32_t AddedTokens::child(uint32_t node, char byte) const {
  const Node* const begin = nodes_.data() + nodes_[node].first_child;
  const Node* const end = begin + nodes_[node].children;
  const Node* const found =
      std::lower_bound(begin, end, static_cast<uint8_t>(byte),
                       [](const Node& child, uint8_t wanted) { return child.byte < wanted; });
  return found != end && found->byte == static_cast<uint8_t>(byte)
             ? static_cast<uint32_t>(found - nodes_.data())
             : 0;
}

std::optional<int32_t> AddedTokens::find(std::string_view text) const {
  const auto found =
      std::lower_bound(tokens_.begin(), tokens_.end(), text,
                       [](const Token& token, std::string_view wanted) { return token.text < wanted; });
  if (found == tokens_.end() || found->text != text) return std::nullopt;
  return found->id;
}

bool AddedTokens::contains(int32_t id) const { return std::binary_search(ids_.begin(), ids_.end(), id); }

std::optional<AddedTokens::Match> AddedTokens::next(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<uint8_t>(text[begin])]) continue;
    Match longest{begin, 0, -1};
    uint32_t node = 0;
    for (size_t i = begin; i < text.size(); ++i) {
      node = child(node, text[i]);
      if (node == 0) break;
      if (nodes_[node].id >= 0) longest = {begin, i + 1 - begin, nodes_[node].id};
    }
    if (longest.size != 0) return longest;
  }
  return std::nullopt;
}

}  // namespace hadal
