// What DSpark's stages are given: taps of the main model at the places that its member says; and what a block
// of drafts sees and leaves.
#include <algorithm>

#include "model/model_cases.h"

namespace hadal {
namespace {

MakeRandomOptions with_dspark(const char* preset) {
  MakeRandomOptions options;
  options.preset = preset;
  options.sets = {"vocab_size=800",        "hidden_size=128",     "n_routed_experts=6",
                  "num_experts_per_tok=2", "dspark_block_size=4", "dspark_target_layer_ids=[1, 5, 3]"};
  return options;
}

// V4 taps what layer `id` gives, V4.1 what it gets: what the layer before it gives.
void expect_taps(const char* preset, int64_t layers_back) {
  const RandomModel random(with_dspark(preset));
  const Model& model = *random;
  const ModelConfig& config = model.config();
  const auto ops = make_ops({.numerics = Numerics::kFp32, .isa = chosen_isa(), .threads = 1});
  SequenceState state(config, ops->entry_format(), 40, model.drafter_layers());
  Workspace workspace(model, 40, 1);
  std::map<int64_t, std::vector<float>> outputs;
  workspace.trace = [&](const LayerTrace& trace) {
    const float* const streams = trace.streams.data;
    outputs[trace.layer].assign(streams, streams + trace.streams.rows * trace.streams.cols);
  };
  const std::vector<int32_t> ids = random_ids(40, 800, 2);
  const Slice slice{&state, ids, 1};
  const ForwardResult result = forward(model, {&slice, 1}, workspace, *ops);
  const int64_t d = config.hidden_size;
  ASSERT_EQ(result.taps.cols, 3 * d);
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<float>& x =
        outputs[config.dspark_target_layer_ids[static_cast<size_t>(i)] - layers_back];
    ASSERT_FALSE(x.empty());
    for (int64_t t = 0; t < 40; ++t) {
      for (int64_t c = 0; c < d; ++c) {
        double mean = 0;
        for (int64_t k = 0; k < 4; ++k) mean += double{x[static_cast<size_t>((t * 4 + k) * d + c)]} / 4;
        ASSERT_NEAR(result.taps.row(t)[i * d + c], mean, 1e-6 * (1 + std::abs(mean))) << i << ", " << t;
      }
    }
  }
}

TEST(Dspark, TapsWhatTheMemberSays) {
  expect_taps("tiny", 0);
  expect_taps("v41-tiny", 1);
}

TEST(Dspark, BlocksLeaveNothingBehind) {
  const RandomModel random(with_dspark("tiny"));
  const Model& model = *random;
  const auto ops = make_ops({.numerics = Numerics::kStored, .isa = chosen_isa(), .threads = 1});
  SequenceState state(model.config(), ops->entry_format(), 64, model.drafter_layers());
  Workspace workspace(model, 40, 8);
  const std::vector<int32_t> ids = random_ids(40, 800, 2);
  const Slice slice{&state, ids, 1};
  dspark_keep(model, state, 0, forward(model, {&slice, 1}, workspace, *ops).taps, workspace, *ops);
  const auto draft = [&](int32_t next, int64_t count) {
    std::vector<float> seen;
    const ChooseDraft choose = [&](const DraftRow& row) -> std::optional<int32_t> {
      seen.push_back(row.confidence);
      seen.insert(seen.end(), row.logits.begin(), row.logits.end());
      return 7;
    };
    dspark_draft(model, state, 40, next, count, choose, workspace, *ops);
    return seen;
  };
  const std::vector<float> first = draft(3, 4);
  ASSERT_EQ(first.size(), 4U * 801);
  EXPECT_NE(draft(4, 4), first);
  EXPECT_EQ(draft(3, 4), first);
  // A cut block is the beginning of the whole one.
  const std::vector<float> cut = draft(3, 2);
  EXPECT_TRUE(std::equal(cut.begin(), cut.end(), first.begin()));
  for (LayerState& layer : state.drafter) layer.window_begin = 30;
  EXPECT_NE(draft(3, 4), first);
}

}  // namespace
}  // namespace hadal
