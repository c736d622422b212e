#include "text/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <thread>

namespace hadal {
namespace {

struct Model {
  std::vector<std::string> tokens;
  std::vector<Merge> merges;

  Bpe bpe() const {
    ByteStrings strings;
    for (const std::string& token : tokens) {
      strings.bytes += token;
      strings.ends.push_back(static_cast<uint32_t>(strings.bytes.size()));
    }
    return {Vocabulary(std::move(strings), std::vector<bool>(tokens.size(), true)), MergeTable(merges)};
  }
};

// The 256 bytes, then random joins of known tokens. The ranks are in random order and some tokens have two
// merges, which no trainer makes and the definition allows.
Model random_model(std::mt19937& random, size_t joins) {
  Model model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  std::map<std::string, int32_t> ids;
  std::vector<int32_t> known = {'a', 'b', 'c'};
  std::map<std::pair<int32_t, int32_t>, int32_t> pairs;
  for (size_t i = 0; i < joins; ++i) {
    const int32_t left = known[random() % known.size()];
    const int32_t right = known[random() % known.size()];
    const std::string token =
        model.tokens[static_cast<size_t>(left)] + model.tokens[static_cast<size_t>(right)];
    if (token.size() > 20 || pairs.contains({left, right})) continue;
    const auto [at, added] = ids.emplace(token, static_cast<int32_t>(model.tokens.size()));
    if (added) {
      model.tokens.push_back(token);
      known.push_back(at->second);
    }
    pairs[{left, right}] = at->second;
    model.merges.push_back({left, right, at->second});
  }
  std::shuffle(model.merges.begin(), model.merges.end(), random);
  return model;
}

// The definition: merge the leftmost pair of the lowest rank until there is none.
std::vector<int32_t> reference(const Model& model, const std::string& piece) {
  std::vector<int32_t> ids;
  for (const char c : piece) ids.push_back(static_cast<uint8_t>(c));
  while (true) {
    size_t best = model.merges.size();
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best; ++rank) {
        if (model.merges[rank].left == ids[i] && model.merges[rank].right == ids[i + 1]) {
          best = rank;
          at = i;
        }
      }
    }
    if (best == model.merges.size()) return ids;
    ids[at] = model.merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

std::string random_piece(std::mt19937& random, size_t size) {
  std::string piece;
  const size_t letters = 1 + random() % 3;
  while (piece.size() < size) piece += static_cast<char>('a' + random() % letters);
  return piece;
}

TEST(Bpe, EqualsTheDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 150; ++round) {
    const Model model = random_model(random, 1 + random() % 60);
    const Bpe bpe = model.bpe();
    std::vector<std::string> pieces;
    std::vector<int32_t> expected;
    for (int i = 0; i < 40; ++i) {
      // Some pieces come twice; some are longer than the short way takes.
      pieces.push_back(i % 4 == 3 ? pieces[random() % pieces.size()]
                                  : random_piece(random, 1 + random() % (i % 5 == 0 ? 150 : 30)));
      const std::vector<int32_t> ids = reference(model, pieces.back());
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    std::vector<int32_t> ids;
    BpeCall call(bpe, 1000, ids);
    for (const std::string& piece : pieces) call.encode_piece(piece);
    ASSERT_EQ(ids, expected) << "round " << round;
    EXPECT_EQ(call.stats().pieces, pieces.size());
  }
}

TEST(Bpe, TokenThatItsBytesDoNotGiveBack) {
  // "abc" is a token, made of a and bc, but ab merges first.
  Model model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  model.tokens.insert(model.tokens.end(), {"ab", "bc", "abc"});
  model.merges = {{'a', 'b', 256}, {'b', 'c', 257}, {'a', 257, 258}};
  const Bpe bpe = model.bpe();
  std::vector<int32_t> ids;
  BpeCall call(bpe, 3, ids);
  for (int i = 0; i < 3; ++i) call.encode_piece("abc");
  call.encode_piece("bc");
  EXPECT_EQ(ids, (std::vector<int32_t>{256, 'c', 256, 'c', 256, 'c', 257}));
  EXPECT_EQ(call.stats().direct, 1u);
  EXPECT_EQ(call.stats().repeated, 2u);
}

TEST(Bpe, LongPiecesTakeLinearlyManySteps) {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    const Model model = random_model(random, 60);
    const Bpe bpe = model.bpe();
    for (const size_t size : {1000u, 100'000u}) {
      const std::string piece = random_piece(random, size);
      std::vector<int32_t> ids;
      BpeCall call(bpe, size, ids);
      call.encode_piece(piece);
      // One pair each at first, two more per merge, and each enters and leaves the heap once.
      EXPECT_LE(call.stats().merge_steps, 6 * size);
    }
  }
}

TEST(Bpe, SharedByThreads) {
  std::mt19937 random(3);
  const Model model = random_model(random, 60);
  const Bpe bpe = model.bpe();
  std::vector<std::string> pieces;
  for (int i = 0; i < 2000; ++i) pieces.push_back(random_piece(random, 1 + random() % 20));
  const auto encode = [&] {
    std::vector<int32_t> ids;
    BpeCall call(bpe, 1000, ids);
    for (const std::string& piece : pieces) call.encode_piece(piece);
    return ids;
  };
  std::vector<std::vector<int32_t>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = encode(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, encode());
}

TEST(MergeTable, FindsEveryPairAndNoOther) {
  std::mt19937 random(4);
  const Model model = random_model(random, 200);
  const MergeTable table(model.merges);
  EXPECT_EQ(table.duplicate(), MergeTable::kNoRank);
  for (uint32_t rank = 0; rank < model.merges.size(); ++rank) {
    EXPECT_EQ(table.rank(model.merges[rank].left, model.merges[rank].right), rank);
    EXPECT_EQ(table.result(rank), model.merges[rank].result);
  }
  EXPECT_EQ(table.rank('x', 'y'), MergeTable::kNoRank);
  std::vector<Merge> twice = model.merges;
  twice.push_back(twice.front());
  EXPECT_EQ(MergeTable(twice).duplicate(), twice.size() - 1);
}

TEST(Vocabulary, FindsTokensOfEverySize) {
  ByteStrings tokens;
  std::vector<bool> ordinary;
  std::mt19937 random(5);
  for (size_t size = 1; size < 200; ++size) {
    for (int i = 0; i < 3; ++i) {
      for (size_t k = 0; k < size; ++k)
        tokens.bytes += static_cast<char>(size == 1 ? i : static_cast<int>(random()));
      tokens.ends.push_back(static_cast<uint32_t>(tokens.bytes.size()));
      ordinary.push_back(i != 2);
    }
  }
  const ByteStrings copy = tokens;
  const Vocabulary vocabulary(std::move(tokens), ordinary);
  EXPECT_EQ(vocabulary.duplicate(), Vocabulary::kNone);
  for (size_t id = 0; id < copy.size(); ++id) {
    EXPECT_EQ(vocabulary.bytes(static_cast<int32_t>(id)), copy[id]);
    EXPECT_EQ(vocabulary.find(copy[id]), ordinary[id] ? static_cast<int32_t>(id) : Vocabulary::kNone);
  }
  // The same first bytes, one more zero byte: lengths count.
  EXPECT_EQ(vocabulary.find(std::string(copy[0]) + '\0'), Vocabulary::kNone);
}

}  // namespace
}  // namespace hadal
