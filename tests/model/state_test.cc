#include "model/state.h"

#include "model/model_cases.h"

namespace hadal {
namespace {

constexpr int64_t kMillion = 1048576;

ModelConfig published(int64_t layers, int64_t first_ratio) {
  ModelConfig config;
  config.num_hidden_layers = layers;
  config.head_dim = 512;
  config.sliding_window = 128;
  for (int64_t l = 0; l < layers; ++l)
    config.compress_ratios.push_back(l < 2 ? first_ratio : l % 2 == 0 ? 4 : 128);
  return config;
}

// What a plan has beyond the specification's table: kMaxRollback rows in every ring.
int64_t extra_window(int64_t layers) { return layers * kMaxRollback * 583; }
int64_t extra_compressor(int64_t csa, int64_t hca) {
  return kMaxRollback * 2 * 4 * (csa * (1024 + 256) + hca * 512);
}

TEST(StatePlan, CostsWhatTheSpecificationSays) {
  const StatePlan flash = plan_state(published(43, 0), EntryFormat::kStored, kMillion, 0);
  EXPECT_EQ(flash.window_rings - extra_window(43), 3208832);
  EXPECT_EQ(flash.csa_entries, 3209428992);
  EXPECT_EQ(flash.index_keys, 374341632);
  EXPECT_EQ(flash.hca_entries, 95518720);
  EXPECT_EQ(flash.compressor_rows - extra_compressor(21, 20), 1376256 + 344064 + 10485760);
  EXPECT_EQ(flash.drafter, 0);
  EXPECT_EQ(flash.total() - extra_window(43) - extra_compressor(21, 20), 3694704256);

  const StatePlan pro = plan_state(published(61, 128), EntryFormat::kStored, kMillion, 1);
  EXPECT_EQ(pro.drafter - extra_window(1), 128 * 583);
  EXPECT_EQ(pro.total() - pro.drafter - extra_window(61) - extra_compressor(30, 31), 5290988928);
}

TEST(StatePlan, AddsForEachTokenWhatTheSpecificationsSay) {
  EXPECT_DOUBLE_EQ(state_bytes_per_token(published(43, 0), EntryFormat::kStored),
                   21 * (583 + 68) / 4.0 + 20 * 583 / 128.0);
  ModelConfig v32;
  v32.family = kFamilies[1];
  v32.num_hidden_layers = 61;
  v32.kv_lora_rank = 512;
  v32.head_dim = 576;
  v32.index_n_heads = 64;
  EXPECT_EQ(state_bytes_per_token(v32, EntryFormat::kStored), 48068);
  EXPECT_EQ(plan_state(v32, EntryFormat::kStored, 163840, 0).total(), 48068 * int64_t{163840});

  ModelConfig v41;
  v41.family = kFamilies[3];
  v41.num_hidden_layers = 40;
  v41.head_dim = 512;
  v41.sliding_window = 128;
  v41.index_n_heads = 32;
  v41.compress_ratios = {0, 0};
  v41.compress_ratios.insert(v41.compress_ratios.end(), 18, 2);
  v41.compress_ratios.insert(v41.compress_ratios.end(), 20, 1);
  v41.kv_source_layer_ids = {2, 8, 14, 20};
  EXPECT_EQ(state_bytes_per_token(v41, EntryFormat::kStored), 890);
  EXPECT_EQ(plan_state(v41, EntryFormat::kStored, kMillion, 0).shared_entries, 720 * kMillion);
}

TEST(StatePlan, IsFourBytesAValueInFp32) {
  const StatePlan plan = plan_state(published(43, 0), EntryFormat::kF32, 4096, 0);
  EXPECT_EQ(plan.csa_entries, 21 * 1024 * 512 * 4);
  EXPECT_EQ(plan.index_keys, 21 * 1024 * 128 * 4);
  EXPECT_EQ(plan.hca_entries, 20 * 32 * 512 * 4);
}

TEST(SequenceState, ReservesExactlyThePlan) {
  const ModelConfig& config = (*small_random_model(RandomFormat::kBf16)).config();
  for (const EntryFormat format : {EntryFormat::kF32, EntryFormat::kStored}) {
    for (const int64_t tokens : {int64_t{1}, int64_t{127}, int64_t{1000}}) {
      const SequenceState state(config, format, tokens, 1);
      int64_t bytes = state.drafter[0].window.size();
      for (const LayerState& layer : state.layers) {
        bytes += layer.window.size() + layer.entries.size() + layer.index_keys.size();
        for (const CompressorState* c : {&layer.compressor, &layer.index_compressor})
          bytes += c->kv.size() + c->score.size();
      }
      EXPECT_EQ(bytes, plan_state(config, format, tokens, 1).total()) << tokens;
    }
  }
}

TEST(SequenceStateDeathTest, TakesBackAtMostEightTokens) {
  const ModelConfig& config = (*small_random_model(RandomFormat::kBf16)).config();
  SequenceState state(config, EntryFormat::kStored, 100, 0);
  state.begin(20);
  state.advance(20);
  state.truncate(12);
  state.begin(1);
  state.advance(1);
  EXPECT_DEATH(state.truncate(11), "kMaxRollback");
  state.truncate(0);
  EXPECT_EQ(state.length(), 0);
  EXPECT_DEATH(state.begin(101), "max_tokens");
}

// Walks a text token by token with drafts of 0..8 tokens at every place, of which 0..8 turn out right.
TEST(Rollback, LeavesNoTrace) {
  constexpr int64_t kTokens = 150;
  for (const RandomFormat format : kAllFormats) {
    const Model& model = *small_random_model(format);
    for (const Numerics numerics : {Numerics::kFp32, Numerics::kNative}) {
      const auto ops = make_ops({.numerics = numerics, .isa = available_isas().back(), .threads = 1});
      const std::vector<int32_t> ids = random_ids(kTokens, 300, 5);
      Feeder expected(model, *ops, kTokens, kTokens);
      expected.feed_to(ids, kTokens, kTokens);
      const std::vector<int32_t> junk = random_ids(1000, 300, 99);
      Feeder drafted(model, *ops, kTokens + kMaxRollback, kMaxRollback);
      uint32_t random = 3;
      while (drafted.state.length() < kTokens) {
        const int64_t first = drafted.state.length();
        random = random * 1664525u + 1013904223u;
        const int64_t wrong = random / 65536 % (kMaxRollback + 1);
        const int64_t right =
            std::min<int64_t>(random / 1048576 % (kMaxRollback + 1 - wrong), kTokens - first);
        std::vector<int32_t> draft(ids.begin() + first, ids.begin() + first + right);
        for (int64_t i = 0; i < wrong; ++i)
          draft.push_back(junk[static_cast<size_t>((first + i) * 5 % 1000)]);
        if (!draft.empty()) drafted.feed(draft);
        drafted.state.truncate(first + right);
        if (first + right < kTokens) drafted.feed_to(ids, first + right + 1, 1);
      }
      EXPECT_EQ(different_rows(expected.logits, drafted.logits, kTokens), 0) << numerics_name(numerics);
      EXPECT_EQ(different_rows(expected.mtp_logits, drafted.mtp_logits, kTokens - 1), 0)
          << numerics_name(numerics);
    }
  }
}

TEST(Snapshot, GoesBackToAnyEarlierLength) {
  constexpr int64_t kTokens = 150;
  const Model& model = *small_random_model(RandomFormat::kFp8Fp4);
  const auto ops = make_ops({.numerics = Numerics::kNative, .isa = available_isas().back(), .threads = 1});
  const std::vector<int32_t> ids = random_ids(kTokens, 300, 5);
  Feeder expected(model, *ops, kTokens, kTokens);
  expected.feed_to(ids, kTokens, kTokens);
  for (const int64_t at : {0, 1, 15, 64, 127, 128, 130}) {
    Feeder feeder(model, *ops, kTokens, kTokens);
    feeder.feed_to(ids, at, 40);
    const SequenceState::Snapshot saved = feeder.state.snapshot();
    const std::vector<int32_t> other = random_ids(kTokens, 300, 6);
    feeder.feed_to(other, kTokens, 9);
    feeder.state.restore(saved);
    EXPECT_EQ(feeder.state.length(), at);
    feeder.feed_to(ids, kTokens, 11);
    EXPECT_EQ(different_rows(expected.logits, feeder.logits, kTokens), 0) << at;
  }
}

TEST(SequenceState, StartsAfreshAtLengthZero) {
  const Model& model = *small_random_model(RandomFormat::kBf16);
  const auto ops = make_ops({.numerics = Numerics::kStored, .isa = available_isas().back(), .threads = 1});
  const std::vector<int32_t> ids = random_ids(140, 300, 5);
  Feeder expected(model, *ops, 140, 140);
  expected.feed_to(ids, 140, 140);
  Feeder used(model, *ops, 140, 140);
  used.feed_to(random_ids(140, 300, 8), 140, 35);
  used.state.truncate(0);
  used.feed_to(ids, 140, 35);
  EXPECT_EQ(different_rows(expected.logits, used.logits, 140), 0);
}

}  // namespace
}  // namespace hadal
