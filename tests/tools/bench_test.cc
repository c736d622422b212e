#include "tools/bench.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "model/forward.h"
#include "tools/bench_state.h"
#include "tools/make_random.h"

namespace hadal {
namespace {

TEST(Bench, MedianOfOddAndEvenCounts) {
  Samples samples;
  EXPECT_EQ(samples.median(), 0);
  for (const double value : {5.0, 1.0, 9.0}) samples.add(value);
  EXPECT_EQ(samples.median(), 5);
  samples.add(2.0);
  EXPECT_EQ(samples.median(), 3.5);
  EXPECT_EQ(samples.min(), 1);
  EXPECT_EQ(samples.max(), 9);
}

TEST(Bench, RatiosAreMediansOverMedians) {
  BenchResult result;
  result.prefill_tokens = 100;
  result.prefill_flops = 2e9;
  for (const double value : {40.0, 50.0, 900.0})
    result.prefill_tok_s.add(value);  // 50 a second: 2 s, 1 GFLOP/s
  result.bytes_per_token = 500'000'000;
  for (const double value : {1.0, 4.0, 5.0}) result.decode_tok_s.add(value);
  for (const double value : {1.0, 2.5, 7.0}) result.read_gb_s.add(value);
  for (const double value : {3.0, 4.0, 5.0}) result.fma_gflops.add(value);
  EXPECT_DOUBLE_EQ(result.prefill_gflops(), 1.0);
  EXPECT_DOUBLE_EQ(result.prefill_ratio(), 0.25);
  EXPECT_DOUBLE_EQ(result.decode_gb_s(), 2.0);
  EXPECT_DOUBLE_EQ(result.decode_ratio(), 0.8);
  const std::string json = bench_json(result);
  const std::string begin =
      R"({"threads": 0, "prefill": {"tokens": 100, "tok_s": {"median": 50.0, "min": 40.0, "max": 900.0}, "gflops": 1.0)";
  EXPECT_EQ(json.substr(0, begin.size()), begin);
  EXPECT_EQ(bench_text(result).find("of the speed at an empty context"), std::string::npos);
  result.ctx = 10;
  result.decode_of_empty.add(0.5);
  EXPECT_NE(bench_text(result).find("0.50 (0.50 to 0.50) of the speed at an empty context"),
            std::string::npos);
}

// After filling, a decode step scores keys, picks, and answers with numbers.
TEST(Bench, AFilledStateDecodes) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / fmt::format("bench_test_{}", ::getpid());
  std::filesystem::remove_all(dir);
  MakeRandomOptions make;
  make.sets = {"hidden_size=64",      "num_attention_heads=2",       "o_groups=1",
               "n_routed_experts=4",  "num_experts_per_tok=2",       "vocab_size=300",
               "num_hidden_layers=3", "compress_ratios=[0,4,128,0]", "index_topk=8"};
  make_random(dir.string(), make);
  for (const Numerics numerics : {Numerics::kNative, Numerics::kFp32}) {
    ModelOptions options;
    options.dir = dir.string();
    options.numerics = numerics;
    options.threads = 1;
    const LoadedModel loaded = load_model(options);
    SequenceState state(loaded.model.config(), loaded.ops->entry_format(), 1002, 0);
    fill_state(state, loaded.model.config(), 1000, *loaded.ops);
    EXPECT_EQ(state.length(), 1000);
    Workspace workspace(loaded.model, 1, 1);
    std::vector<int64_t> picks;
    workspace.trace = [&](const LayerTrace& trace) {
      if (trace.layer == 1) picks.assign(trace.index_topk.begin(), trace.index_topk.end());
    };
    const int32_t id = 7;
    const Slice slice{&state, {&id, 1}, 1};
    const ForwardResult result = forward(loaded.model, {&slice, 1}, workspace, *loaded.ops);
    for (int64_t v = 0; v < 300; ++v) ASSERT_TRUE(std::isfinite(result.logits.row(0)[v])) << v;
    ASSERT_EQ(picks.size(), 8u);
    EXPECT_GE(picks.front(), 0);
    EXPECT_LT(picks.back(), 250);
    EXPECT_GT(picks.back() - picks.front(), 8);  // from all over, not a run of neighbours
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace hadal
