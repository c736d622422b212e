// Sessions on the golden checkpoints: nothing that only changes speed changes a bit.
#include "engine/model_sequence.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/session.h"
#include "golden/golden.h"
#include "ops/device.h"

namespace hadal {
namespace {

struct Setup {
  int64_t max_tokens = 220;
  int64_t max_rows = 64;
  int64_t snapshots = 0;
  int threads = 1;
  Speculation speculation = Speculation::kOff;
  Numerics numerics = Numerics::kNative;
};

// The state is gone with the session, so the ops may go after it.
struct Rig {
  Rig(const Model& model, const Setup& setup)
      : ops(make_ops({.numerics = setup.numerics, .isa = chosen_isa(), .threads = setup.threads})),
        session(
            std::make_unique<ModelSequence>(model, *ops,
                                            SequenceOptions{.max_tokens = setup.max_tokens,
                                                            .max_rows = setup.max_rows,
                                                            .drafts = setup.speculation != Speculation::kOff,
                                                            .snapshots = setup.snapshots}),
            setup.speculation) {}
  std::unique_ptr<Ops> ops;
  Session session;
};

struct Outcome {
  std::vector<int32_t> ids;
  std::vector<double> logprobs;  // of every token, so that any bit of the logits shows
  GenerateResult result;
  bool operator==(const Outcome& other) const { return ids == other.ids && logprobs == other.logprobs; }
};

Outcome generate(Session& session, const std::vector<int32_t>& context, int64_t count,
                 const SamplingParams& sampling) {
  Outcome outcome;
  GenerateRequest request{.context = context,
                          .max_new_tokens = count,
                          .stop_tokens = {},
                          .sampling = sampling,
                          .top_logprobs = 512};
  GenerateHooks hooks;
  hooks.on_token = [&](const GeneratedToken& token) {
    outcome.ids.push_back(token.id);
    for (const TokenLogprob& one : token.logprobs->top) outcome.logprobs.push_back(one.logprob + one.id);
    return true;
  };
  outcome.result = session.generate(request, hooks);
  return outcome;
}

std::vector<int32_t> some_context(int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> ids{0};
  while (std::ssize(ids) < count) ids.push_back(static_cast<int32_t>(random() % 512));
  return ids;
}

class ModelSequenceTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    HADAL_NEED_SHARED(std::string("golden/v4/") + GetParam());
    model_ = std::make_unique<Model>(
        Model::load(shared_path(std::string("golden/v4/") + GetParam()), LoadMode::kMmap));
  }
  std::unique_ptr<Model> model_;
};
INSTANTIATE_TEST_SUITE_P(Golden, ModelSequenceTest, testing::Values("tiny-bf16", "tiny-fp8"),
                         [](const auto& chosen) { return std::string(chosen.param).substr(5); });

TEST_P(ModelSequenceTest, ChunksAndThreadsDoNotChangeABit) {
  const auto context = some_context(140, 1);
  Rig plain(*model_, {.max_rows = 140});
  const Outcome expected = generate(plain.session, context, 20, {.seed = 1});
  EXPECT_EQ(expected.ids.size(), 20u);
  for (const int64_t rows : {1, 7, 64, 129}) {
    Rig rig(*model_, {.max_rows = rows, .threads = rows == 7 ? 3 : 1});
    EXPECT_TRUE(generate(rig.session, context, 20, {.seed = 1}) == expected) << rows;
  }
}

TEST_P(ModelSequenceTest, DraftsDoNotChangeABit) {
  const auto context = some_context(40, 2);
  int64_t drafted = 0;
  int64_t accepted = 0;
  Rig plain(*model_, {});
  Rig drafting(*model_, {.speculation = Speculation::kOn});
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SamplingParams sampling{.temperature = static_cast<double>(seed % 4) * 0.4, .seed = seed};
    if (seed % 3 == 1) sampling.top_k = 3;
    if (seed % 3 == 2) sampling.top_p = 0.6;
    if (seed % 2 == 1) {
      sampling.repetition_penalty = 1.2;
      sampling.presence_penalty = 0.5;
      sampling.frequency_penalty = 0.3;
      // Random weights draft badly; with a few tokens far above the rest drafts are often right, and the
      // penalties decide.
      sampling.logit_bias = {{7, 40.0f}, {9, 40.5f}, {11, 41.0f}};
    }
    const Outcome expected = generate(plain.session, context, 25, sampling);
    const Outcome outcome = generate(drafting.session, context, 25, sampling);
    ASSERT_TRUE(outcome == expected) << seed;
    drafted += outcome.result.drafted_tokens;
    accepted += outcome.result.accepted_tokens;
  }
  EXPECT_GT(drafted, 12 * 12);
  EXPECT_GT(accepted, drafted / 10);
  EXPECT_LT(accepted, drafted * 9 / 10);
}

// What is drafted does not depend on how the ring was filled: at once over the prompt, or piece by piece.
TEST_P(ModelSequenceTest, DraftsDoNotDependOnChunks) {
  const auto context = some_context(90, 3);
  Rig whole(*model_, {.max_rows = 90, .speculation = Speculation::kOn});
  const Outcome expected = generate(whole.session, context, 30, {.temperature = 0.5, .top_k = 4, .seed = 4});
  for (const int64_t rows : {5, 23, 24, 25}) {
    Rig rig(*model_, {.max_rows = rows, .speculation = Speculation::kOn});
    const Outcome outcome = generate(rig.session, context, 30, {.temperature = 0.5, .top_k = 4, .seed = 4});
    EXPECT_TRUE(outcome == expected);
    EXPECT_EQ(outcome.result.accepted_tokens, expected.result.accepted_tokens) << rows;
  }
}

// A conversation that goes on, back, aside and on again, warm against cold.
TEST_P(ModelSequenceTest, ReusedPrefixesGiveTheSameBits) {
  for (const int64_t snapshots : {0, 3}) {
    const Speculation speculation = snapshots == 3 ? Speculation::kOn : Speculation::kOff;
    Rig warm(*model_, {.max_rows = 32, .snapshots = snapshots, .speculation = speculation});
    std::mt19937_64 random(5);
    std::vector<int32_t> context = some_context(50, 6);
    int64_t reused = 0;
    for (int turn = 0; turn < 10; ++turn) {
      const SamplingParams sampling{.seed = static_cast<uint64_t>(turn)};
      Rig cold(*model_, {.speculation = speculation});
      const Outcome a = generate(warm.session, context, 9, sampling);
      ASSERT_TRUE(a == generate(cold.session, context, 9, sampling)) << turn;
      reused += a.result.reused_tokens;
      switch (turn % 5) {
        case 0:  // goes on
          context.insert(context.end(), a.ids.begin(), a.ids.end());
          for (int i = 0; i < 5; ++i) context.push_back(static_cast<int32_t>(random() % 512));
          break;
        case 1:  // the last token of the prompt changes, as when thinking is dropped
          context.back() = (context.back() + 1) % 512;
          context.insert(context.end(), a.ids.begin(), a.ids.end());
          break;
        case 2:  // the same again
          break;
        case 3:  // most of it is taken back
          context.resize(context.size() - 12);
          break;
        default:  // changed early
          context[20 + random() % 10] = 11;
      }
    }
    if (snapshots == 3) {
      EXPECT_GT(reused, 250);
    }
  }
}

TEST_P(ModelSequenceTest, ComesBackToSnapshots) {
  Rig rig(*model_, {.max_rows = 32, .snapshots = 2});
  const auto context = some_context(50, 7);
  generate(rig.session, context, 30, {});
  EXPECT_EQ(generate(rig.session, context, 30, {}).result.reused_tokens, 49);
  // From there the snapshot leads up to kMaxRollback tokens back.
  EXPECT_EQ(generate(rig.session, some_context(45, 7), 30, {}).result.reused_tokens, 44);
  EXPECT_EQ(generate(rig.session, some_context(43, 7), 30, {}).result.reused_tokens, 42);
  EXPECT_EQ(generate(rig.session, some_context(42, 7), 30, {}).result.reused_tokens, 0);
}

TEST_P(ModelSequenceTest, CancelledFeedsLeaveNoTrace) {
  const auto context = some_context(100, 8);
  Rig cold(*model_, {});
  const Outcome expected = generate(cold.session, context, 30, {.seed = 3});
  for (const int64_t snapshots : {0, 2}) {
    Rig rig(*model_, {.max_rows = 32, .snapshots = snapshots, .speculation = Speculation::kOn});
    for (const int patience : {0, 3, 8, 22, 45}) {
      int asked = 0;
      GenerateHooks hooks;
      hooks.cancelled = [&] { return asked++ >= patience; };
      const GenerateRequest request{
          .context = context, .max_new_tokens = 30, .stop_tokens = {}, .sampling = {.seed = 3}};
      EXPECT_EQ(rig.session.generate(request, hooks).finish, FinishReason::kCancelled);
      ASSERT_TRUE(generate(rig.session, context, 30, {.seed = 3}) == expected) << patience;
    }
  }
}

TEST_P(ModelSequenceTest, FillsItsContextToTheLastToken) {
  Rig rig(*model_, {.max_tokens = 70, .max_rows = 16, .speculation = Speculation::kOn});
  const Outcome outcome = generate(rig.session, some_context(60, 9), 1000, {.temperature = 0.3});
  EXPECT_EQ(outcome.result.finish, FinishReason::kContextFull);
  EXPECT_EQ(outcome.ids.size(), 11u);
}

TEST_P(ModelSequenceTest, PlansWhatItTakes) {
  const SequenceOptions small{.max_tokens = 100, .max_rows = 16};
  SequenceOptions large = small;
  large.snapshots = 2;
  const ModelConfig& config = model_->config();
  const int64_t base = ModelSequence::planned_bytes(config, EntryFormat::kStored, 1, small);
  EXPECT_GT(ModelSequence::planned_bytes(config, EntryFormat::kStored, 1, large), base);
  EXPECT_LT(ModelSequence::planned_bytes(config, EntryFormat::kStored, 0, small), base);
}

}  // namespace
}  // namespace hadal
