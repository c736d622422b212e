#include "model/state_parts.h"

#include "model/model_cases.h"

namespace hadal {
namespace {

StateParts parts_of(const SequenceState& state, int64_t length, int64_t rollback) {
  StateParts parts;
  parts.length = length;
  parts.rollback = rollback;
  for (int64_t first = 0; first < length; first += kBlockTokens) {
    const int64_t end = std::min(first + kBlockTokens, length);
    parts.blocks.push_back(std::make_shared<StatePart>(save_block(state, first, end)));
    EXPECT_EQ(std::ssize(*parts.blocks.back()), block_bytes(state, first, end));
  }
  parts.tail = std::make_shared<StatePart>(save_tail(state, length, rollback));
  EXPECT_EQ(std::ssize(*parts.tail), tail_bytes(state, length, rollback));
  return parts;
}

// At every length around the borders of blocks, windows and compressors: what another state makes of the
// parts is the same to the bit as if it had been computed there.
TEST(StateParts, MakeTheSameStateAgain) {
  constexpr int64_t kTokens = 300;
  for (const RandomFormat format : kAllFormats) {
    const Model& model = *small_random_model(format);
    const Numerics numerics = format == RandomFormat::kBf16 ? Numerics::kFp32 : Numerics::kNative;
    const auto ops = make_ops({.numerics = numerics, .isa = available_isas().back(), .threads = 1});
    const std::vector<int32_t> ids = random_ids(kTokens, 300, 5);
    Feeder expected(model, *ops, kTokens, kTokens);
    expected.feed_to(ids, kTokens, kTokens);

    Feeder source(model, *ops, kTokens, kTokens);
    Feeder target(model, *ops, kTokens, kTokens);
    int64_t at = 0;
    while (at < 262) {
      at += at > 20 && at < 120 ? 13 : at > 140 && at < 245 ? 17 : 1;
      source.feed_to(ids, at, 40);
      const int64_t rollback = at % 2 == 0 ? 0 : std::min(at, kMaxRollback);
      target.feed_to(random_ids(kTokens, 300, 6), kTokens, kTokens);
      load_parts(target.state, parts_of(source.state, at, rollback));
      EXPECT_EQ(target.state.length(), at);
      target.state.truncate(at - rollback);
      const int64_t end = std::min<int64_t>(at + 30, kTokens);
      for (auto& row : target.logits) row.clear();
      target.feed_to(ids, end, 7);
      int64_t different = 0;
      for (int64_t i = at - rollback; i < end; ++i)
        different += target.logits[static_cast<size_t>(i)] != expected.logits[static_cast<size_t>(i)];
      EXPECT_EQ(different, 0) << at << " " << rollback;
      target.state.truncate(0);
    }
  }
}

// A border that a few tokens have gone past.
TEST(StateParts, CanBeTakenALittleLater) {
  constexpr int64_t kTokens = 200;
  const Model& model = *small_random_model(RandomFormat::kFp8Fp4);
  const auto ops = make_ops({.numerics = Numerics::kNative, .isa = available_isas().back(), .threads = 1});
  const std::vector<int32_t> ids = random_ids(kTokens, 300, 5);
  Feeder source(model, *ops, kTokens, kTokens);
  source.feed_to(ids, 128, 128);
  const StateParts then = parts_of(source.state, 128, 0);
  for (int64_t late = 1; late <= kMaxRollback; ++late) {
    source.feed_to(ids, 128 + late, 1);
    ASSERT_TRUE(has_tail(source.state, 128, 0));
    EXPECT_EQ(save_tail(source.state, 128, 0), *then.tail) << late;
    EXPECT_EQ(save_block(source.state, 0, 128), *then.blocks[0]) << late;
  }
  source.feed_to(ids, 128 + kMaxRollback + 1, 1);
  EXPECT_FALSE(has_tail(source.state, 128, 0));
}

}  // namespace
}  // namespace hadal
