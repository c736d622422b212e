// What the grammar's tests share: a small vocabulary, and the slow obvious answer to "which tokens may come".
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "text/grammar/grammar.h"
#include "text/tokenizer.h"
#include "tokenizer_cases.h"

namespace hadal {

inline constexpr int32_t kSmallStop = 1;  // the end of sentence of the tests' tokenizer

inline std::shared_ptr<const GrammarVocabulary> small_vocabulary() {
  static const Tokenizer tokenizer = Tokenizer::from_file(own_case("tokenizer.json"));
  static const auto vocabulary =
      GrammarVocabulary::from_tokenizer(tokenizer, std::vector<int32_t>{kSmallStop});
  return vocabulary;
}

inline std::shared_ptr<const GrammarVocabulary> real_vocabulary() {
  static const auto vocabulary = GrammarVocabulary::from_tokenizer(real_tokenizer(), std::vector<int32_t>{1});
  return vocabulary;
}

using Mask = std::vector<uint64_t>;

inline bool has_bit(const Mask& mask, int32_t id) {
  return (mask[static_cast<size_t>(id) / 64] >> (static_cast<size_t>(id) % 64) & 1) != 0;
}

inline Mask mask_of(GrammarMatcher& matcher, const GrammarVocabulary& vocabulary) {
  Mask mask(vocabulary.mask_words());
  matcher.allowed(mask);
  return mask;
}

inline std::vector<int32_t> ids_in(const Mask& mask) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < mask.size() * 64; ++i) {
    if (has_bit(mask, static_cast<int32_t>(i))) ids.push_back(static_cast<int32_t>(i));
  }
  return ids;
}

// Every token tried on its own.
inline Mask tried_mask(GrammarMatcher& matcher, const GrammarVocabulary& vocabulary) {
  Mask mask(vocabulary.mask_words());
  for (size_t i = 0; i < vocabulary.rows(); ++i) {
    if (!matcher.accept(static_cast<int32_t>(i))) continue;
    matcher.rollback(1);
    mask[i / 64] |= uint64_t{1} << (i % 64);
  }
  return mask;
}

inline bool matches(const std::shared_ptr<const CompiledGrammar>& grammar, std::string_view text) {
  GrammarMatcher matcher(grammar);
  return (text.empty() || matcher.accept_bytes(text)) && matcher.is_complete();
}

}  // namespace hadal
