#include "tools/random_tokenizer.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "text/tokenizer_writer.h"

namespace hadal {
namespace {

// Letters by their frequency in English, after the space that begins a word.
constexpr std::string_view kLetters[] = {" ", "e", "t", "a", "o", "i", "n", "s", "h", "r", "d", "l", "c", "u",
                                         "m", "w", "f", "g", "y", "p", "b", "v", "k", "j", "x", "q", "z"};

// Appends up to `room` pairs (a, b), those of small a + b first; b never begins a word.
void append_pairs(const std::vector<std::string>& parts, size_t room, std::vector<ByteMerge>& merges) {
  const auto begins_word = [](std::string_view part) { return part.starts_with(kLetters[0]); };
  for (size_t sum = 0; sum + 1 < 2 * parts.size(); ++sum) {
    const size_t first = sum < parts.size() ? 0 : sum - parts.size() + 1;
    for (size_t a = first; a <= std::min(sum, parts.size() - 1); ++a) {
      if (begins_word(parts[sum - a])) continue;
      if (merges.size() == room) return;
      merges.emplace_back(parts[a], parts[sum - a]);
    }
  }
}

std::vector<ByteMerge> make_merges(size_t count) {
  std::vector<ByteMerge> merges;
  append_pairs({std::begin(kLetters), std::end(kLetters)}, count, merges);
  std::vector<std::string> pairs;
  pairs.reserve(merges.size());
  for (const auto& [left, right] : merges) pairs.push_back(left + right);
  append_pairs(pairs, count, merges);
  return merges;
}

}  // namespace

std::optional<std::string> random_tokenizer_json(int64_t vocab_size, bool marks_system) {
  const size_t fixed = kFixedTokens + (marks_system ? 1 : 0);
  if (vocab_size < static_cast<int64_t>(fixed)) return std::nullopt;
  return tokenizer_json(make_merges(static_cast<size_t>(vocab_size) - fixed), marks_system);
}

}  // namespace hadal
