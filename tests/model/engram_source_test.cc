// Engram's tables from mapped files, from memory and from the disk: the same bits, whatever passes come in
// between.
#include <gtest/gtest.h>

#include "model/model_cases.h"

namespace hadal {
namespace {

MakeRandomOptions small_engram(RandomFormat format) {
  MakeRandomOptions options;
  options.preset = "v41-tiny";
  options.format = format;
  options.seed = 3;
  options.sets = {"vocab_size=800", "hidden_size=128",    "n_routed_experts=4", "num_experts_per_tok=2",
                  "index_topk=8",   "engram_head_dim=64", "engram_n_heads=3",   "engram_vocab_size=900"};
  return options;
}

Model model_from(const std::string& dir, EngramSource source) {
  return open_model(dir, LoadMode::kMmap, source);
}

std::vector<std::vector<float>> logits_of(const Model& model, std::span<const int32_t> ids, int64_t chunk) {
  const auto ops = make_ops({.numerics = Numerics::kNative, .isa = chosen_isa(), .threads = 1});
  Feeder feeder(model, *ops, std::ssize(ids), chunk);
  feeder.feed_to(ids, std::ssize(ids), chunk);
  return feeder.logits;
}

TEST(EngramSource, GivesTheSameBits) {
  for (const RandomFormat format : kAllFormats) {
    const RandomModel random(small_engram(format));
    std::vector<int32_t> ids = random_ids(60, 800, 2);
    ids.insert(ids.end(), ids.begin(), ids.end());  // n-grams that come again
    const auto expected = logits_of(model_from(random.dir(), EngramSource::kMmap), ids, 120);
    EXPECT_EQ(
        different_rows(expected, logits_of(model_from(random.dir(), EngramSource::kRam), ids, 120), 120), 0);
    for (const int64_t chunk : {1, 7, 120}) {
      const Model model = model_from(random.dir(), EngramSource::kDisk);
      EXPECT_EQ(different_rows(expected, logits_of(model, ids, chunk), 120), 0) << chunk;
      const EngramStats stats = model.engram_stats();
      EXPECT_EQ(stats.rows, 120 * model.config().engram.rows_per_token() * 2);
      EXPECT_GT(stats.hits, stats.rows * 2 / 5);
      EXPECT_LT(stats.hits, stats.rows * 4 / 5);
    }
  }
}

// A decode pass between the layers of a prompt's, as the engine runs them.
TEST(EngramSource, SurvivesPassesInBetween) {
  const RandomModel random(small_engram(RandomFormat::kFp8Fp4));
  const Model model = model_from(random.dir(), EngramSource::kDisk);
  const std::vector<int32_t> ids = random_ids(40, 800, 2);
  const std::vector<int32_t> other = random_ids(40, 800, 5);
  const auto expected = logits_of(model, ids, 40);
  const auto expected_other = logits_of(model, other, 40);
  const auto ops = make_ops({.numerics = Numerics::kNative, .isa = chosen_isa(), .threads = 1});
  SequenceState state(model.config(), ops->entry_format(), 40, 0);
  Workspace workspace(model, 40, 40);
  Feeder inner(model, *ops, 40, 4);
  workspace.before_layer = [&](int64_t, Mat) {
    if (inner.state.length() < 40) inner.feed_to(other, inner.state.length() + 4, 4);
  };
  const Slice slice{&state, ids, 40};
  const ConstMat logits = forward(model, {&slice, 1}, workspace, *ops).logits;
  std::vector<std::vector<float>> rows(40);
  for (int64_t t = 0; t < 40; ++t)
    rows[static_cast<size_t>(t)].assign(logits.row(t), logits.row(t) + logits.cols);
  EXPECT_EQ(different_rows(expected, rows, 40), 0);
  EXPECT_EQ(different_rows(expected_other, inner.logits, 40), 0);
}

TEST(EngramSource, GivesUpWithTheFilesName) {
  const RandomModel random(small_engram(RandomFormat::kFp8Fp4));
  const std::string file = random.dir() + "/model.safetensors";
  const Model probe = model_from(random.dir(), EngramSource::kMmap);
  const std::optional<Engram>& engram = probe.layers[1].engram;
  ASSERT_TRUE(engram.has_value());
  const Weight table = engram ? engram->embed : Weight{};
  auto disk = std::make_shared<EngramDisk>(file, table, 0, 0);
  EngramRequest request;
  const std::vector<int32_t> rows{0, 1, 2};
  disk->request(rows, request);
  EXPECT_EQ(disk->take(request).out, 3);
  // As if the file had become shorter.
  auto beyond = std::make_shared<EngramDisk>(file, table, int64_t{1} << 40, 0);
  EngramRequest lost;
  beyond->request(rows, lost);
  const std::string message = message_of(ErrorCode::kIo, [&] { beyond->take(lost); });
  EXPECT_NE(message.find(file), std::string::npos) << message;
  EXPECT_NE(message_of(ErrorCode::kIo, [&] { EngramDisk(file + ".no", table, 0, 0); }).find(".no"),
            std::string::npos);
}

TEST(EngramSource, RefusesWhatCannotBe) {
  const RandomModel random(small_engram(RandomFormat::kBf16));
  const std::string read =
      message_of(ErrorCode::kUsage, [&] { open_model(random.dir(), LoadMode::kRead, EngramSource::kDisk); });
  EXPECT_NE(read.find("--load read"), std::string::npos) << read;
  EXPECT_NO_THROW(open_model(random.dir(), LoadMode::kRead, EngramSource::kRam));
  const std::string none = message_of(ErrorCode::kUsage, [&] {
    open_model(small_random_model(RandomFormat::kBf16).dir(), LoadMode::kMmap, EngramSource::kRam);
  });
  EXPECT_NE(none.find("without Engram"), std::string::npos) << none;
}

}  // namespace
}  // namespace hadal
