// The formula of model FLOPs, counted by hand for a small model, and a bench of few steps.
#include "train/train_bench.h"

#include <gtest/gtest.h>

#include "formats/temporary.h"
#include "tools/make_random.h"
#include "train/tiny_model.h"
#include "train/train_costs.h"

namespace hadal {
namespace {

TrainConfig small_run() {
  TrainConfig config;
  config.sets = tiny_model_with({"hidden_size=64", "o_groups=1", "vocab_size=300"});
  config.rows = 2;
  config.row_tokens = 20;
  config.accumulate = 2;
  config.data = "none";
  return config;
}

// Keys of a row of 20 tokens: the window is 1 ... 16, then 16 four times; 20 tokens complete five blocks of
// four, of which at most four are picked.
constexpr int64_t kWindowKeys = 16 * 17 / 2 + 4 * 16;
constexpr int64_t kEntries = 4 * (1 + 2 + 3 + 4) + 4;

TEST(TrainCosts, CountWhatTheFormulaSays) {
  const TemporaryFolder folder;
  MakeRandomOptions options;
  options.sets = small_run().sets;
  make_random(folder.path() + "/model", options);
  Model model = Model::load(folder.path() + "/model", LoadMode::kRead);
  const Parameters parameters(model);
  const auto size = [&](const std::string& name) {
    for (const Parameter& p : parameters.list()) {
      if (p.name == name) return p.size;
    }
    ADD_FAILURE() << name;
    return int64_t{0};
  };
  int64_t expected = 0;
  int64_t mtp = 0;
  for (const Parameter& p : parameters.list()) {
    int64_t active = p.two_dimensional() ? p.size : 0;
    if (p.name.ends_with(".ape") || p.name == "embed.weight") active = 0;
    if (p.name.find(".ffn.experts.") != std::string::npos) active /= 2;
    (p.name.starts_with("mtp.") ? mtp : expected) += active;
  }
  const int64_t head = size("head.weight");
  EXPECT_EQ(head, 300 * 64);
  EXPECT_EQ(active_matrix_parameters(model, parameters, false), expected);
  EXPECT_EQ(active_matrix_parameters(model, parameters, true), expected + mtp + head);

  TrainRows rows;
  rows.ids.assign(40, 1);
  rows.document_ends = rows.row_ends = {20, 40};
  rows.is_target.assign(40, 1);
  const auto per_key = 12.0 * 2 * static_cast<double>(model.config().head_dim);
  EXPECT_DOUBLE_EQ(training_flops(model, parameters, rows, false),
                   6.0 * static_cast<double>(expected) * 40 +
                       per_key * 2 * static_cast<double>(3 * kWindowKeys + kEntries));
  EXPECT_DOUBLE_EQ(training_flops(model, parameters, rows, true),
                   6.0 * static_cast<double>(expected + mtp + head) * 40 +
                       per_key * 2 * static_cast<double>(4 * kWindowKeys + kEntries));
}

TEST(TrainBench, RatiosAreMediansOverMedians) {
  TrainBenchResult result;
  result.tokens = 100;
  result.flops = 6e9;
  for (const double seconds : {2.0, 3.0, 70.0}) result.step_s.add(seconds);
  for (const double peak : {1.0, 4.0, 9.0}) result.fma_gflops.add(peak);
  EXPECT_DOUBLE_EQ(result.tokens_s(), 100.0 / 3);
  EXPECT_DOUBLE_EQ(result.gflops(), 2.0);
  EXPECT_DOUBLE_EQ(result.ratio(), 0.5);
}

TEST(TrainBench, MakesStepsAndSaysWhatTookHowLong) {
  const TrainBenchResult result = run_train_bench({small_run(), 2});
  EXPECT_EQ(result.tokens, 80);
  EXPECT_EQ(result.step_s.size(), 2u);
  EXPECT_GT(result.flops, 0);
  double parts = 0;
  for (const TrainBenchResult::Part& part : result.parts) {
    if (part.name != "rounding of weights") {
      EXPECT_GT(part.forward_s, 0) << part.name;
    }
    parts += part.forward_s + part.backward_s;
  }
  EXPECT_LE(parts, 2 * result.step_s.max());
  EXPECT_NE(train_bench_text(result).find("attention"), std::string::npos);
  EXPECT_NE(train_bench_json(result).find("\"ratio\""), std::string::npos);
}

}  // namespace
}  // namespace hadal
