// Engram's constants of the shipped config, and the rows that its description gives as an example.
#include "model/engram_hash.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

EngramConfig shipped() {
  EngramConfig config;
  config.layer_ids = {1, 14};
  config.num_embeddings = {384006168, 384016682};
  config.vocab_size = 16000000;
  config.compressed_vocab_size = 99092;
  config.max_ngram_size = 4;
  config.n_heads = 8;
  config.head_dim = 256;
  return config;
}

TEST(EngramHash, HasTheShippedConstants) {
  const EngramHash first = engram_hash(shipped(), 0);
  EXPECT_EQ(first.multipliers,
            (std::vector<uint64_t>{76632096046245, 4839876093313, 35959672319349, 73987337458391}));
  EXPECT_EQ(first.primes.front(), 16000057U);
  EXPECT_EQ(first.primes.back(), 16000463U);
  const EngramHash second = engram_hash(shipped(), 1);
  EXPECT_EQ(second.multipliers,
            (std::vector<uint64_t>{67716810739261, 51510806800915, 30921347202721, 82619226485591}));
  EXPECT_EQ(second.primes.front(), 16000477U);
  EXPECT_EQ(second.primes.back(), 16000889U);
}

TEST(EngramHash, FindsTheRowsOfTheExample) {
  const int32_t history[] = {5, 77, 1234, 99091};
  const std::vector<int32_t> expected = {11428442,  21444550,  35446083,  51457893,  75475704,  83481665,
                                         111484847, 125522079, 129239055, 158322053, 168355803, 178043820,
                                         206711942, 221120907, 234827828, 254455498, 260811207, 281610068,
                                         303712955, 309838548, 320394387, 345936319, 352625231, 380036223};
  std::vector<int32_t> rows(24);
  engram_rows(engram_hash(shipped(), 0), history, rows.data());
  EXPECT_EQ(rows, expected);
}

TEST(EngramHash, RefusesATableOfAnotherSize) {
  EngramConfig config = shipped();
  ++config.num_embeddings[0];
  EXPECT_THROW(engram_hash(config, 0), Error);
}

}  // namespace
}  // namespace hadal
