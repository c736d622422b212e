#include "engine/session.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "scripted_sequence.h"

namespace hadal {
namespace {

struct Outcome {
  std::vector<int32_t> ids;
  std::vector<int64_t> positions;
  std::vector<double> logprobs;
  GenerateResult result;
};

Outcome generate(Session& session, GenerateRequest request) {
  Outcome outcome;
  request.top_logprobs = 2;
  GenerateHooks hooks;
  hooks.on_token = [&](const GeneratedToken& token) {
    outcome.ids.push_back(token.id);
    outcome.positions.push_back(token.position);
    outcome.logprobs.push_back(token.logprobs->chosen);
    for (const TokenLogprob& top : token.logprobs->top) outcome.logprobs.push_back(top.logprob + top.id);
    return true;
  };
  outcome.result = session.generate(request, hooks);
  return outcome;
}

struct Rig {
  explicit Rig(int64_t max_tokens = 200, int64_t max_rows = 16, Speculation speculation = Speculation::kOff) {
    auto owned = std::make_unique<ScriptedSequence>(max_tokens, max_rows);
    sequence = owned.get();
    session = std::make_unique<Session>(std::move(owned), speculation);
  }
  ScriptedSequence* sequence;
  std::unique_ptr<Session> session;
};

std::vector<int32_t> some_context(int64_t count, int32_t salt = 0) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>((i * 7 + salt) % ScriptedSequence::kVocab));
  return ids;
}

GenerateRequest request_for(std::vector<int32_t> context, int64_t count) {
  GenerateRequest request;
  request.context = std::move(context);
  request.max_new_tokens = count;
  request.sampling = {
      .temperature = 0.8, .top_p = 0.9, .presence_penalty = 0.5, .frequency_penalty = 0.3, .seed = 5};
  return request;
}

TEST(Session, CutsTheContextIntoChunks) {
  Rig rig(200, 16);
  std::vector<int64_t> progress;
  GenerateHooks hooks;
  hooks.on_prompt = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 37);
    progress.push_back(done);
  };
  const GenerateResult result = rig.session->generate(request_for(some_context(37), 1), hooks);
  EXPECT_EQ(progress, (std::vector<int64_t>{16, 32, 37}));
  EXPECT_EQ(rig.sequence->feeds, (std::vector<int64_t>{16, 16, 5}));
  EXPECT_EQ(rig.sequence->remembered, std::vector<int64_t>{37});
  EXPECT_EQ(result.new_tokens, 1);
  EXPECT_EQ(result.context_tokens, 37);
  EXPECT_EQ(result.reused_tokens, 0);
}

TEST(Session, ChunksDoNotChangeTokens) {
  Rig plain(200, 64);
  const Outcome expected = generate(*plain.session, request_for(some_context(37), 40));
  EXPECT_EQ(expected.ids.size(), 40u);
  for (const int64_t rows : {1, 2, 5, 36, 37, 38}) {
    Rig rig(200, rows);
    const Outcome outcome = generate(*rig.session, request_for(some_context(37), 40));
    EXPECT_EQ(outcome.ids, expected.ids) << rows;
    EXPECT_EQ(outcome.logprobs, expected.logprobs) << rows;
  }
}

TEST(Session, PositionsCountFromTheContext) {
  Rig rig;
  const Outcome outcome = generate(*rig.session, request_for(some_context(10), 3));
  EXPECT_EQ(outcome.positions, (std::vector<int64_t>{10, 11, 12}));
  // The last token given out is not fed.
  EXPECT_EQ(rig.session->tokens().size(), 12u);
}

// Turn after turn, the tokens are those of a session that starts cold.
TEST(Session, ReusesTheCommonPrefix) {
  Rig warm;
  std::vector<int32_t> context = some_context(30);
  int64_t reused = 0;
  const auto turn = [&](std::vector<int32_t> next, int64_t expected_reuse) {
    Rig cold;
    const Outcome a = generate(*warm.session, request_for(next, 10));
    const Outcome b = generate(*cold.session, request_for(next, 10));
    EXPECT_EQ(a.ids, b.ids);
    EXPECT_EQ(a.logprobs, b.logprobs);
    EXPECT_EQ(a.result.reused_tokens, expected_reuse);
    reused = a.result.reused_tokens;
    next.insert(next.end(), a.ids.begin(), a.ids.end());
    return next;
  };
  context = turn(context, 0);
  context.push_back(3);
  context = turn(context, 39);  // all that was fed: 30 and nine of the ten new ones
  EXPECT_EQ(context.size(), 51u);
  turn(context, 50);
  // To 47, too far back to be reached exactly.
  turn(std::vector(context.begin(), context.end() - 3), 42);
  context[20] = 40;
  turn(context, 14);  // differs at 20
  turn(some_context(30, 1), 0);
}

TEST(Session, StopsForEachReason) {
  Rig rig(60, 16);
  const Outcome all = generate(*rig.session, request_for(some_context(20), 1000));
  EXPECT_EQ(all.result.finish, FinishReason::kContextFull);
  // The last one is drawn at the first position that there is no room for.
  EXPECT_EQ(all.positions.back(), 60);
  EXPECT_EQ(all.ids.size(), 41u);
  EXPECT_EQ(generate(*rig.session, request_for(some_context(20), 7)).result.finish, FinishReason::kLength);
  EXPECT_EQ(generate(*rig.session, request_for(some_context(20), 0)).ids.size(), 0u);

  GenerateRequest stop = request_for(some_context(20), 1000);
  stop.stop_tokens = {1000, all.ids[12]};
  const Outcome stopped = generate(*rig.session, stop);
  const auto first = std::find(all.ids.begin(), all.ids.end(), all.ids[12]);
  EXPECT_EQ(stopped.ids, std::vector(all.ids.begin(), first + 1));
  EXPECT_EQ(stopped.result.finish, FinishReason::kStopToken);

  int given = 0;
  GenerateHooks hooks;
  hooks.on_token = [&](const GeneratedToken&) { return ++given < 4; };
  EXPECT_EQ(rig.session->generate(request_for(some_context(20), 1000), hooks).finish, FinishReason::kEnough);
  EXPECT_EQ(given, 4);
}

TEST(Session, CancelsAndGoesOn) {
  Rig rig(200, 8);
  int asked = 0;
  int patience = 2;
  GenerateHooks hooks;
  hooks.cancelled = [&] { return ++asked > patience; };
  GenerateResult result = rig.session->generate(request_for(some_context(30), 10), hooks);
  EXPECT_EQ(result.finish, FinishReason::kCancelled);
  EXPECT_EQ(result.new_tokens, 0);
  EXPECT_EQ(rig.session->tokens().size(), 16u);
  asked = 0;
  patience = 7;
  result = rig.session->generate(request_for(some_context(30), 10), hooks);
  EXPECT_EQ(result.finish, FinishReason::kCancelled);
  EXPECT_GT(result.new_tokens, 0);
  Rig cold;
  EXPECT_EQ(generate(*rig.session, request_for(some_context(30), 10)).ids,
            generate(*cold.session, request_for(some_context(30), 10)).ids);
}

TEST(Session, RefusesBadContexts) {
  Rig rig(20, 8);
  EXPECT_THROW(generate(*rig.session, request_for({}, 1)), Error);
  EXPECT_THROW(generate(*rig.session, request_for(some_context(21), 1)), Error);
  EXPECT_THROW(generate(*rig.session, request_for({1, ScriptedSequence::kVocab}, 1)), Error);
  EXPECT_THROW(generate(*rig.session, request_for({-1}, 1)), Error);
  EXPECT_EQ(generate(*rig.session, request_for(some_context(20), 5)).ids.size(), 1u);
}

// Drafts that are right and wrong in every pattern of six, one to four at a time.
TEST(Session, DraftsNeverChangeTokens) {
  Rig plain(120, 16);
  GenerateRequest request = request_for(some_context(20), 90);
  const Outcome expected = generate(*plain.session, request);
  const auto& ids = expected.ids;
  for (int32_t pattern = 0; pattern < 64; ++pattern) {
    for (int64_t at_once = 1; at_once <= 4; ++at_once) {
      Rig rig(120, 16, Speculation::kOn);
      int bit = 0;
      int64_t right = 0;
      rig.sequence->drafts = [&](int32_t next, int64_t count, const Sequence::Draw&) {
        const int64_t given = rig.sequence->length() + 1 - 20;
        EXPECT_EQ(next, ids[given - 1]);
        std::vector<int32_t> proposed;
        bool all_right = true;
        for (int64_t i = 0; i < std::min(count, at_once); ++i) {
          const int32_t truth = given + i < std::ssize(ids) ? ids[given + i] : 0;
          const bool good = (pattern >> (bit++ % 6) & 1) != 0;
          proposed.push_back(good ? truth : (truth + 1) % ScriptedSequence::kVocab);
          all_right = all_right && good;
          right += all_right;
        }
        return proposed;
      };
      const Outcome outcome = generate(*rig.session, request);
      ASSERT_EQ(outcome.ids, expected.ids) << pattern << " " << at_once;
      ASSERT_EQ(outcome.positions, expected.positions);
      ASSERT_EQ(outcome.logprobs, expected.logprobs);
      EXPECT_EQ(outcome.result.finish, expected.result.finish);
      EXPECT_EQ(outcome.result.accepted_tokens, right);
      EXPECT_EQ(rig.session->tokens().size(), plain.session->tokens().size());
      if (pattern == 63) {
        EXPECT_LT(std::ssize(rig.sequence->feeds), 3 + 90 / (at_once + 1) + 2);
      }
    }
  }
}

// A drafter that draws from the target's own logits is always right when nothing depends on the context.
TEST(Session, DraftsAreDrawnWithTheirOwnPosition) {
  Rig rig(120, 16, Speculation::kOn);
  const std::vector<float> flat(ScriptedSequence::kVocab, 0.0f);
  std::vector<int32_t> drawn;
  rig.sequence->drafts = [&](int32_t, int64_t, const Sequence::Draw& draw) {
    drawn.push_back(draw(flat, rig.sequence->length() + 1));
    return std::vector<int32_t>{};
  };
  GenerateRequest request = request_for(some_context(20), 30);
  request.sampling = {.seed = 9};
  generate(*rig.session, request);
  Sampler sampler({.seed = 9}, ScriptedSequence::kVocab);
  for (size_t i = 0; i < drawn.size(); ++i)
    EXPECT_EQ(drawn[i], sampler.draw(flat, 21 + static_cast<int64_t>(i)));
  EXPECT_EQ(drawn.size(), 28u);  // none for the last token
}

// A stop token and an ending callback in the middle of accepted drafts.
TEST(Session, EndsInsideAcceptedDrafts) {
  Rig plain(120, 16);
  const GenerateRequest request = request_for(some_context(20), 60);
  const Outcome expected = generate(*plain.session, request);
  for (int64_t end = 1; end < 12; ++end) {
    Rig rig(120, 16, Speculation::kOn);
    rig.sequence->drafts = [&](int32_t, int64_t count, const Sequence::Draw&) {
      const auto from = expected.ids.begin() + (rig.sequence->length() + 1 - 20);
      return std::vector(from, from + std::min<int64_t>(count, 3));
    };
    int64_t given = 0;
    GenerateHooks hooks;
    hooks.on_token = [&](const GeneratedToken& token) {
      EXPECT_EQ(token.id, expected.ids[given]);
      return ++given < end;
    };
    EXPECT_EQ(rig.session->generate(request, hooks).finish, FinishReason::kEnough);
    EXPECT_EQ(given, end);
    EXPECT_EQ(rig.session->tokens().size(), rig.sequence->tokens.size());
    // And the session goes on from there as if nothing had been drafted.
    EXPECT_EQ(generate(*rig.session, request).ids, expected.ids);
  }
}

TEST(Session, SurvivesABrokenModel) {
  Rig rig(120, 16, Speculation::kOn);
  int calls = 0;
  rig.sequence->drafts = [&](int32_t, int64_t, const Sequence::Draw&) {
    if (++calls == 3) fail(ErrorCode::kIo, "the disk is gone");
    return std::vector<int32_t>{};
  };
  EXPECT_THROW(generate(*rig.session, request_for(some_context(20), 30)), Error);
  Rig cold;
  EXPECT_EQ(generate(*rig.session, request_for(some_context(20), 30)).ids,
            generate(*cold.session, request_for(some_context(20), 30)).ids);
}

// --- whether to draft ---

// Runs the governor over steps of the given costs; returns how many of them were drafted.
int64_t drafted_steps(SpeculationGovernor& governor, int64_t steps, double plain, double drafted,
                      double accepted) {
  int64_t count = 0;
  double owed = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const bool drafts = governor.wants_drafts();
    count += drafts;
    owed += accepted;
    const int64_t extra = drafts && owed >= 1 ? 1 : 0;
    owed -= static_cast<double>(extra);
    const double noise =
        1 + 0.1 * static_cast<double>(i % 3) + (i % 11 == 0 ? 5 : 0);  // a step now and then is slow
    governor.record(drafts, 1 + extra, (drafts ? drafted : plain) * noise);
    owed = std::min(owed, 1.0);
  }
  return count;
}

TEST(SpeculationGovernor, OnAndOffDoNotMeasure) {
  SpeculationGovernor on(Speculation::kOn);
  SpeculationGovernor off(Speculation::kOff);
  EXPECT_EQ(drafted_steps(on, 100, 1, 100, 0), 100);
  EXPECT_EQ(drafted_steps(off, 100, 1, 0.1, 1), 0);
}

TEST(SpeculationGovernor, StaysOnWhileItWins) {
  SpeculationGovernor governor(Speculation::kAuto);
  EXPECT_GT(drafted_steps(governor, 1000, 1, 1.4, 0.8), 850);
  EXPECT_NEAR(governor.speedup(), 1.8 / 1.4, 0.1);
}

TEST(SpeculationGovernor, RestsLongerAndLongerWhileItLoses) {
  SpeculationGovernor governor(Speculation::kAuto);
  EXPECT_LT(drafted_steps(governor, 4000, 1, 1.9, 0.3), 100);
  EXPECT_LT(governor.speedup(), 0.8);
}

TEST(SpeculationGovernor, FollowsAChange) {
  SpeculationGovernor governor(Speculation::kAuto);
  drafted_steps(governor, 300, 1, 1.4, 0.9);
  // The text becomes hard to guess: off within a few dozen steps, without waiting for the next trial.
  EXPECT_LT(drafted_steps(governor, 300, 1, 1.4, 0.0), 80);
  // And easy again.
  drafted_steps(governor, 1000, 1, 1.4, 0.9);
  EXPECT_GT(drafted_steps(governor, 300, 1, 1.4, 0.9), 240);
}

}  // namespace
}  // namespace hadal
