#include "engine/generation.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int64_t kVocab = 70;

// Allows one token at a time, in a given order, and complains of everything else.
class OneByOne final : public TokenConstraint {
 public:
  explicit OneByOne(std::vector<int32_t> ids) : ids_(std::move(ids)) {}
  void allowed(std::span<uint64_t> mask) override {
    EXPECT_EQ(mask.size(), 2u);
    for (const uint64_t word : mask) EXPECT_EQ(word, 0u);
    if (next_ == ids_.size()) fail(ErrorCode::kUsage, "nothing more");
    mask[ids_[next_] / 64] |= uint64_t{1} << (ids_[next_] % 64);
  }
  void accept(int32_t id) override { EXPECT_EQ(id, ids_.at(next_++)); }

 private:
  std::vector<int32_t> ids_;
  size_t next_ = 0;
};

GenerationOptions constrained(std::vector<int32_t> ids) {
  GenerationOptions options;
  options.sampling.temperature = 0;
  options.constraint = std::make_shared<OneByOne>(std::move(ids));
  return options;
}

std::vector<int32_t> replies(Generation& generation, int64_t count, int32_t favourite) {
  std::vector<int32_t> given;
  std::vector<float> logits(kVocab, 0.0f);
  logits[favourite] = 1;
  for (int64_t i = 0; i < count; ++i)
    generation.give(logits, 10 + i, [&](const GeneratedToken& token) {
      given.push_back(token.id);
      return true;
    });
  return given;
}

TEST(Generation, HoldsToTheConstraintFromTheStart) {
  Generation generation(constrained({3, 69, 0}), kVocab, 1000);
  EXPECT_EQ(replies(generation, 3, 5), (std::vector<int32_t>{3, 69, 0}));
  EXPECT_THROW(replies(generation, 1, 5), Error);
}

TEST(Generation, HoldsToTheConstraintAfterItsToken) {
  GenerationOptions options = constrained({3, 69});
  options.constrained_after = 8;
  Generation generation(options, kVocab, 1000);
  EXPECT_EQ(replies(generation, 2, 5), (std::vector<int32_t>{5, 5}));
  EXPECT_EQ(replies(generation, 1, 8), std::vector<int32_t>{8});
  EXPECT_EQ(replies(generation, 2, 8), (std::vector<int32_t>{3, 69}));
}

TEST(Generation, TakesDraftsOnlyIfTheyAreDrawn) {
  GenerationOptions options;
  options.stop_tokens = {7};
  options.sampling.temperature = 0;
  Generation generation(options, kVocab, 1000);
  std::vector<float> rows(4 * kVocab, 0.0f);
  const std::vector<int32_t> drawn{4, 5, 7, 9};
  for (size_t i = 0; i < drawn.size(); ++i) rows[i * kVocab + drawn[i]] = 1;
  const ConstMat logits{rows.data(), 4, kVocab, kVocab};
  replies(generation, 1, 2);
  std::vector<int64_t> positions;
  const auto note = [&](const GeneratedToken& token) {
    positions.push_back(token.position);
    return true;
  };
  EXPECT_EQ(generation.take(std::vector{2, 4, 6, 7}, logits, 10, note), 2);
  EXPECT_EQ(generation.last(), 5);
  replies(generation, 1, 2);
  EXPECT_EQ(generation.take(std::vector{2, 4, 5, 7}, logits, 20, note), 3);
  EXPECT_EQ(positions, (std::vector<int64_t>{11, 12, 21, 22, 23}));
  EXPECT_TRUE(generation.finished());
  EXPECT_EQ(generation.reason(), FinishReason::kStopToken);
  EXPECT_EQ(generation.new_tokens(), 7);
}

}  // namespace
}  // namespace hadal
