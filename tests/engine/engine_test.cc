#include "engine/engine.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine_replies.h"
#include "scripted_batch.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;
using Lane = BatchModel::Lane;

constexpr int64_t kVocab = ScriptedBatch::kVocab;

struct Rig {
  explicit Rig(int64_t slots, int64_t max_rows = 64, EngineOptions options = {}, int64_t max_tokens = 600) {
    auto owned = std::make_unique<ScriptedBatch>(slots, max_tokens, max_rows);
    model = owned.get();
    engine = std::make_unique<Engine>(std::move(owned), options);
  }
  // Set before the first request: hooks are read by the engine's thread.
  ScriptedBatch* model;
  std::unique_ptr<Engine> engine;
};

std::vector<int32_t> prompt_of(int64_t count, uint32_t salt = 0) { return some_tokens(count, kVocab, salt); }

Refusal refusal_of(Engine& engine, GenerationRequest request) {
  Submission submission = engine.submit(std::move(request));
  const auto* refusal = std::get_if<Refusal>(&submission);
  if (refusal == nullptr) {
    ADD_FAILURE() << "not refused";
    return {};
  }
  return *refusal;
}

// Requests that differ in everything.
GenerationRequest various(uint32_t i) {
  GenerationRequest request = request_for(prompt_of(1 + (i * 37) % 150, i), 1 + (i * 11) % 60, i);
  if (i % 3 == 0) request.sampling = {.temperature = 0};
  if (i % 5 == 0) request.stop_tokens = {3, 4, 5};
  request.fairness_key = i % 2 == 0 ? "a" : "b";
  return request;
}

TEST(Engine, GivesTheSameTokensInAnyCompany) {
  std::vector<WholeReply> alone;
  for (uint32_t i = 0; i < 17; ++i) {
    Rig rig(1);
    alone.push_back(ask(*rig.engine, various(i)));
    EXPECT_FALSE(alone.back().ids.empty());
    EXPECT_EQ(alone.back().positions.front(), 1 + (i * 37) % 150);
  }
  for (const int64_t slots : {1, 2, 5, 17}) {
    for (const int64_t rows : {1, 7, 64, 300}) {
      for (const int64_t cache : {0, 1 << 20}) {
        Rig rig(slots, rows, {.prefix_cache_bytes = cache});
        std::vector<std::shared_ptr<TokenStream>> streams;
        for (uint32_t i = 0; i < 17; ++i) {
          streams.push_back(submit(*rig.engine, various(i)));
          if (i % 4 == 0) std::this_thread::sleep_for(milliseconds(1));
        }
        for (size_t i = 0; i < streams.size(); ++i)
          EXPECT_TRUE(read_all(*streams[i]).same_as(alone[i])) << slots << " " << rows << " " << i;
      }
    }
  }
}

TEST(Engine, DraftsForALoneSequenceOnlyAndNeverChangesTokens) {
  Rig plain(4);
  const WholeReply expected = ask(*plain.engine, request_for(prompt_of(20), 60));
  const std::vector<int32_t> whole = joined(prompt_of(20), expected.ids);
  for (const int right : {0, 1, 2, 3}) {
    Rig rig(4, 64, {.prefix_cache_bytes = 1 << 20, .speculation = Speculation::kOn});
    rig.model->drafts = [&](const std::vector<int32_t>& tokens, int32_t) {
      std::vector<int32_t> proposed;
      for (size_t i = 0; i < 3; ++i) {
        const size_t at = tokens.size() + 1 + i;
        const int32_t truth = at < whole.size() ? whole[at] : 0;
        proposed.push_back(static_cast<int>(i) < right ? truth : (truth + 1) % static_cast<int32_t>(kVocab));
      }
      return proposed;
    };
    const WholeReply reply = ask(*rig.engine, request_for(prompt_of(20), 60));
    EXPECT_TRUE(reply.same_as(expected)) << right;
    EXPECT_GT(reply.finished.usage.drafted_tokens, 0);
    if (right == 0) {
      EXPECT_EQ(reply.finished.usage.accepted_tokens, 0);
    }
    if (right == 3) {
      EXPECT_GT(reply.finished.usage.accepted_tokens, 40);
    }
  }
}

TEST(Engine, RefusesWhatCanNeverRun) {
  Rig rig(1, 16, {}, 50);
  using enum Refusal::Reason;
  EXPECT_EQ(refusal_of(*rig.engine, request_for({}, 1)).reason, kInvalid);
  EXPECT_EQ(refusal_of(*rig.engine, request_for({1, -1}, 1)).reason, kInvalid);
  EXPECT_EQ(refusal_of(*rig.engine, request_for({static_cast<int32_t>(kVocab)}, 1)).reason, kInvalid);
  EXPECT_EQ(refusal_of(*rig.engine, request_for(prompt_of(51), 1)).reason, kTooLong);
  GenerationRequest hot = request_for({1}, 1);
  hot.sampling.temperature = -1;
  EXPECT_NE(refusal_of(*rig.engine, hot).message.find("temperature"), std::string::npos);
  GenerationRequest many = request_for({1}, 1);
  many.top_logprobs = 1'000'000;
  EXPECT_EQ(refusal_of(*rig.engine, many).reason, kInvalid);
  EXPECT_EQ(rig.engine->stats().refused_requests, 6);
  // The last token is drawn at the first position that there is no room for.
  const WholeReply full = ask(*rig.engine, request_for(prompt_of(45), 1000));
  EXPECT_EQ(full.finished.reason, FinishReason::kContextFull);
  EXPECT_EQ(full.ids.size(), 6u);
}

TEST(Engine, EndsForEachReasonAndCounts) {
  Rig rig(2);
  const WholeReply all = ask(*rig.engine, request_for(prompt_of(20), 30));
  EXPECT_EQ(all.finished.reason, FinishReason::kLength);
  EXPECT_EQ(all.finished.usage.prompt_tokens, 20);
  EXPECT_EQ(all.finished.usage.new_tokens, 30);
  EXPECT_EQ(all.finished.usage.cached_tokens, 0);
  GenerationRequest stop = request_for(prompt_of(20), 30);
  stop.stop_tokens = {all.ids[12]};
  const WholeReply stopped = ask(*rig.engine, stop);
  EXPECT_EQ(stopped.finished.reason, FinishReason::kStopToken);
  EXPECT_EQ(stopped.ids.back(), all.ids[12]);
  const WholeReply nothing = ask(*rig.engine, request_for(prompt_of(20), 0));
  EXPECT_EQ(nothing.finished.reason, FinishReason::kLength);
  EXPECT_TRUE(nothing.ids.empty());
  GenerationRequest late = request_for(prompt_of(20), 30);
  late.deadline = std::chrono::steady_clock::now() - milliseconds(1);
  EXPECT_EQ(ask(*rig.engine, late).finished.reason, FinishReason::kDeadline);
  const GeneratorStats stats = rig.engine->stats();
  EXPECT_EQ(stats.finished_requests, 4);
  EXPECT_EQ(stats.running, 0);
  EXPECT_EQ(stats.queued, 0);
}

TEST(Engine, GivesTheLogprobsOfAPrompt) {
  Rig rig(2, 16, {.prefix_cache_bytes = 1 << 20});
  const WholeReply plain = ask(*rig.engine, request_for(prompt_of(40), 12));
  GenerationRequest echo = request_for(joined(prompt_of(40), plain.ids), 3);
  echo.prompt_logprobs = 2;
  const WholeReply echoed = ask(*rig.engine, echo);
  ASSERT_EQ(echoed.prompt.size(), 52u);
  EXPECT_FALSE(echoed.prompt[0].logprobs);
  EXPECT_EQ(echoed.finished.usage.cached_tokens, 0);
  for (size_t i = 40; i < 52; ++i) {
    EXPECT_EQ(echoed.prompt[i].id, plain.ids[i - 40]);
    EXPECT_EQ(echoed.prompt[i].position, static_cast<int64_t>(i));
    EXPECT_EQ(echoed.prompt[i].logprobs->chosen, plain.logprobs[(i - 40) * 3]);
  }
  EXPECT_TRUE(ask(*rig.engine, request_for(joined(prompt_of(40), plain.ids), 3)).same_as(echoed));
}

// --- the queue ---

// Holds the engine's thread in a layer until told to go on.
struct Gate {
  void wait() const {
    while (closed) std::this_thread::sleep_for(milliseconds(1));
  }
  std::atomic<bool> closed{true};
};

TEST(Engine, BoundsItsQueue) {
  Rig rig(1, 16, {.max_queued = 4});
  Gate gate;
  rig.model->before_layer = [&](Lane, auto) { gate.wait(); };
  std::vector<std::shared_ptr<TokenStream>> streams;
  GenerationRequest first = request_for(prompt_of(5), 2);
  streams.push_back(submit(*rig.engine, first));
  while (rig.engine->stats().running == 0) std::this_thread::sleep_for(milliseconds(1));
  for (int i = 0; i < 3; ++i) streams.push_back(submit(*rig.engine, first));
  // Three quarters are this key's; the rest is for others.
  EXPECT_EQ(refusal_of(*rig.engine, first).reason, Refusal::Reason::kQueueFull);
  GenerationRequest other = first;
  other.fairness_key = "other";
  streams.push_back(submit(*rig.engine, other));
  const Refusal refused = refusal_of(*rig.engine, other);
  EXPECT_EQ(refused.reason, Refusal::Reason::kQueueFull);
  EXPECT_GE(refused.retry_after_seconds, 1);
  EXPECT_EQ(rig.engine->stats().queued, 4);
  gate.closed = false;
  for (const auto& stream : streams) EXPECT_EQ(read_all(*stream).ids.size(), 2u);
}

TEST(Engine, LetsKeysTakeTurns) {
  Rig rig(1, 16);
  Gate gate;
  std::vector<int32_t> order;
  rig.model->before_layer = [&](Lane lane, std::span<const BatchModel::Piece> pieces) {
    gate.wait();
    if (lane == Lane::kPrompt && (order.empty() || order.back() != pieces[0].ids[0]))
      order.push_back(pieces[0].ids[0]);
  };
  std::vector<std::shared_ptr<TokenStream>> streams;
  const auto add = [&](int32_t id, const std::string& key) {
    GenerationRequest request = request_for({id}, 2);
    request.fairness_key = key;
    streams.push_back(submit(*rig.engine, request));
  };
  add(1, "greedy");
  while (rig.engine->stats().running == 0) std::this_thread::sleep_for(milliseconds(1));
  for (int32_t id = 2; id <= 5; ++id) add(id, "greedy");
  add(21, "modest");
  add(22, "modest");
  gate.closed = false;
  for (const auto& stream : streams) read_all(*stream);
  EXPECT_EQ(order, (std::vector<int32_t>{1, 21, 2, 22, 3, 4, 5}));
}

TEST(Engine, CancelsWhereverTheRequestIs) {
  // Of a reply only a few tokens are written ahead of the reader.
  Rig rig(1, 16, {.prefix_cache_bytes = 1 << 20, .stream_events = 8});
  Gate gate;
  std::atomic<int> layers{0};
  rig.model->before_layer = [&](Lane, auto) {
    ++layers;
    gate.wait();
  };
  const auto reading = submit(*rig.engine, request_for(prompt_of(100), 5));
  const auto queued = submit(*rig.engine, request_for(prompt_of(10), 5));
  GenerationRequest hasty = request_for(prompt_of(10), 5);
  hasty.queue_deadline = std::chrono::steady_clock::now() + milliseconds(20);
  const auto waited_enough = submit(*rig.engine, hasty);
  while (layers == 0) std::this_thread::sleep_for(milliseconds(1));
  reading->cancel();
  queued->cancel();
  std::this_thread::sleep_for(milliseconds(30));
  gate.closed = false;
  EXPECT_EQ(read_all(*reading).finished.reason, FinishReason::kCancelled);
  EXPECT_EQ(layers, 1);
  EXPECT_EQ(read_all(*queued).finished.reason, FinishReason::kCancelled);
  EXPECT_EQ(read_all(*waited_enough).finished.reason, FinishReason::kQueueDeadline);

  const auto writing = submit(*rig.engine, request_for(prompt_of(10), 500));
  while (!std::holds_alternative<GeneratedToken>(*writing->wait_next(milliseconds(10'000)))) {
  }
  writing->cancel();
  EXPECT_EQ(read_all(*writing).finished.reason, FinishReason::kCancelled);
  // All is as it was.
  Rig fresh(1);
  EXPECT_TRUE(ask(*rig.engine, request_for(prompt_of(100), 20))
                  .same_as(ask(*fresh.engine, request_for(prompt_of(100), 20))));
}

TEST(Engine, LosesNothingOverManyAborts) {
  Rig rig(3, 16, {.prefix_cache_bytes = 1 << 16});
  Rig fresh(1);
  const WholeReply expected = ask(*fresh.engine, request_for(prompt_of(150), 20));
  for (int i = 0; i < 1000; ++i) {
    const auto stream = submit(*rig.engine, request_for(prompt_of(1 + i * 7 % 200, i % 13), 50));
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i % 400));
    stream->cancel();
    if (i % 8 == 7) {
      const FinishReason reason = read_all(*stream).finished.reason;
      EXPECT_TRUE(reason == FinishReason::kCancelled || reason == FinishReason::kLength);
    } else if (i % 100 == 0) {
      while (rig.engine->stats().queued > 0) std::this_thread::yield();
    }
  }
  EXPECT_TRUE(ask(*rig.engine, request_for(prompt_of(150), 20)).same_as(expected));
  EXPECT_TRUE(rig.engine->drain(milliseconds(10'000)));
  const GeneratorStats stats = rig.engine->stats();
  EXPECT_EQ(stats.running, 0);
  EXPECT_EQ(stats.queued, 0);
  EXPECT_EQ(stats.finished_requests, 1001);
}

TEST(Engine, WaitsForASlowReader) {
  Rig rig(2, 16, {.stream_events = 4});
  Rig fresh(1);
  const auto slow = submit(*rig.engine, request_for(prompt_of(10), 60));
  // Another one is not held up.
  EXPECT_EQ(ask(*rig.engine, request_for(prompt_of(12), 60)).ids.size(), 60u);
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(rig.engine->stats().running, 1);
  EXPECT_TRUE(read_all(*slow).same_as(ask(*fresh.engine, request_for(prompt_of(10), 60))));
}

TEST(Engine, DrainsAndStops) {
  Rig rig(1);
  Gate gate;
  rig.model->before_layer = [&](Lane, auto) { gate.wait(); };
  const auto first = submit(*rig.engine, request_for(prompt_of(10), 5));
  const auto second = submit(*rig.engine, request_for(prompt_of(10), 5));
  EXPECT_FALSE(rig.engine->drain(milliseconds(5)));
  EXPECT_EQ(refusal_of(*rig.engine, request_for(prompt_of(10), 5)).reason, Refusal::Reason::kStopping);
  gate.closed = false;
  EXPECT_TRUE(rig.engine->drain(milliseconds(10'000)));
  EXPECT_EQ(read_all(*first).ids.size(), 5u);
  EXPECT_EQ(read_all(*second).ids.size(), 5u);

  Rig stopped(1);
  const auto running = submit(*stopped.engine, request_for(prompt_of(10), 500));
  const auto queued = submit(*stopped.engine, request_for(prompt_of(10), 500));
  stopped.engine->stop();
  stopped.engine->stop();
  EXPECT_EQ(read_all(*running).finished.reason, FinishReason::kStopping);
  EXPECT_EQ(read_all(*queued).finished.reason, FinishReason::kStopping);
  EXPECT_EQ(refusal_of(*stopped.engine, request_for({1}, 1)).reason, Refusal::Reason::kStopping);
}

TEST(Engine, SurvivesABrokenModel) {
  Rig rig(3, 16, {.prefix_cache_bytes = 1 << 20});
  std::atomic<int> layers{0};
  rig.model->before_layer = [&](Lane, auto) {
    if (++layers % 50 == 0) fail(ErrorCode::kIo, "the disk is gone");
  };
  std::vector<std::shared_ptr<TokenStream>> streams;
  for (uint32_t i = 0; i < 40; ++i) streams.push_back(submit(*rig.engine, various(i)));
  int failed = 0;
  for (uint32_t i = 0; i < 40; ++i) {
    const WholeReply reply = read_all(*streams[i]);
    if (reply.finished.reason == FinishReason::kFailed) {
      EXPECT_EQ(reply.finished.error, "the disk is gone");
      ++failed;
      continue;
    }
    Rig fresh(1);
    EXPECT_TRUE(reply.same_as(ask(*fresh.engine, various(i)))) << i;
  }
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed, 40);
}

// --- decode beside prompts ---

// A long prompt arrives while another request writes: its passes are interrupted between their layers.
TEST(Engine, WritesBetweenTheLayersOfAPrompt) {
  Rig rig(2, 256, {}, 4000);
  std::atomic<int> prompt_layers{0};
  std::atomic<int> most_layers{0};
  std::atomic<bool> in_company{false};
  rig.model->before_layer = [&](Lane lane, std::span<const BatchModel::Piece> pieces) {
    if (lane == Lane::kDecode) {
      prompt_layers = 0;
      std::this_thread::sleep_for(milliseconds(2));
      return;
    }
    if (in_company) most_layers = std::max<int>(most_layers, ++prompt_layers);
    std::this_thread::sleep_for(std::chrono::microseconds(50) * std::ssize(pieces[0].ids));
  };
  const auto writer = submit(*rig.engine, request_for(prompt_of(5), 3000));
  while (rig.model->passes[1] < 20) std::this_thread::sleep_for(milliseconds(1));
  in_company = true;
  const int64_t before = rig.model->passes[1];
  const WholeReply reader = ask(*rig.engine, request_for(prompt_of(3000), 1));
  in_company = false;
  // 150 ms of prompt layers; passes of 6 ms may wait 9 ms for them.
  EXPECT_GT(rig.model->passes[1] - before, 8);
  // Layers were cut to what the writer can wait for.
  EXPECT_LT(rig.model->rows_of_last[0], 256);
  EXPECT_LE(most_layers, 40);
  EXPECT_EQ(reader.ids.size(), 1u);
  writer->cancel();
  const WholeReply written = read_all(*writer);
  Rig fresh(1, 64, {}, 4000);
  EXPECT_EQ(ask(*fresh.engine, request_for(prompt_of(5), std::ssize(written.ids))).ids, written.ids);
}

// --- the prefix cache ---

constexpr int64_t kMegabyte = 1 << 20;

// At every cut around the borders of blocks: what is known is used, and nothing changes.
TEST(Engine, ReusesTheLongestKnownPrefix) {
  const std::vector<int32_t> text = prompt_of(420);
  Rig cold(1, 64);
  for (int64_t known = 1; known < 280; known += known > 20 && known % 128 > 8 && known % 128 < 120 ? 37 : 1) {
    for (const int64_t cut : {known - 9, known - 8, known - 1, known, known + 1, known + 40}) {
      if (cut < 1) continue;
      Rig warm(1, 64, {.prefix_cache_bytes = kMegabyte});
      ask(*warm.engine, request_for({text.begin(), text.begin() + known}, 0));
      std::vector<int32_t> prompt(text.begin(), text.begin() + cut);
      prompt.push_back((text[cut] + 1) % static_cast<int32_t>(kVocab));  // differs from here on
      const WholeReply reply = ask(*warm.engine, request_for(prompt, 5));
      EXPECT_TRUE(reply.same_as(ask(*cold.engine, request_for(prompt, 5))));
      const int64_t common = std::min(known, cut);
      const int64_t expected = common >= known - kMaxRollback ? common : common / kBlockTokens * kBlockTokens;
      EXPECT_EQ(reply.finished.usage.cached_tokens, expected) << known << " " << cut;
    }
  }
}

TEST(Engine, ReadsOnlyWhatAConversationAdds) {
  Rig warm(2, 64, {.prefix_cache_bytes = kMegabyte});
  Rig cold(1);
  std::vector<int32_t> context = prompt_of(200);
  int64_t known = 0;
  for (uint32_t turn = 0; turn < 6; ++turn) {
    const WholeReply reply = ask(*warm.engine, request_for(context, 30));
    EXPECT_TRUE(reply.same_as(ask(*cold.engine, request_for(context, 30))));
    EXPECT_EQ(reply.finished.usage.cached_tokens, known);
    known = std::ssize(context) + 29;  // the last token given out was not read
    context = joined(joined(context, reply.ids), prompt_of(25, turn));
  }
  // And the same question again: all but the last token, whose logits are needed.
  EXPECT_EQ(ask(*warm.engine, request_for(prompt_of(200), 3)).finished.usage.cached_tokens, 199);
}

TEST(Engine, KeepsNamespacesApart) {
  Rig rig(1, 64, {.prefix_cache_bytes = kMegabyte});
  GenerationRequest request = request_for(prompt_of(300), 3);
  request.cache_namespace = "a";
  EXPECT_EQ(ask(*rig.engine, request).finished.usage.cached_tokens, 0);
  EXPECT_EQ(ask(*rig.engine, request).finished.usage.cached_tokens, 299);
  request.cache_namespace = "b";
  EXPECT_EQ(ask(*rig.engine, request).finished.usage.cached_tokens, 0);
}

TEST(Engine, StaysWithinItsCacheBudget) {
  Rig rig(2, 64, {.prefix_cache_bytes = 20'000});
  Rig cold(1);
  for (uint32_t i = 0; i < 60; ++i) {
    const auto prompt = prompt_of(40 + i * 13 % 300, i % 4);
    const WholeReply reply = ask(*rig.engine, request_for(prompt, 8));
    EXPECT_TRUE(reply.same_as(ask(*cold.engine, request_for(prompt, 8))));
    EXPECT_LE(rig.engine->stats().cache_bytes, 20'000);
  }
  EXPECT_GT(rig.engine->stats().cached_tokens, 0);
}

// --- idle time ---

TEST(Engine, ReadsInIdleTimeAndStopsForWork) {
  Rig rig(1, kBlockTokens, {.prefix_cache_bytes = kMegabyte});  // so what was read is kept, and counted once
  std::atomic<int64_t> layers{0};
  rig.model->before_layer = [&](Lane, auto) {
    ++layers;
    std::this_thread::sleep_for(milliseconds(1));
  };
  rig.engine->prefill_in_background(prompt_of(500), "");
  while (layers < 4) std::this_thread::sleep_for(std::chrono::microseconds(100));
  const WholeReply reply = ask(*rig.engine, request_for(prompt_of(10, 9), 3));
  EXPECT_LT(reply.finished.usage.queue_seconds, 5);
  Rig cold(1);
  EXPECT_TRUE(reply.same_as(ask(*cold.engine, request_for(prompt_of(10, 9), 3))));
  while (rig.engine->stats().background_tokens < 500) std::this_thread::sleep_for(milliseconds(1));
  const std::vector<int32_t> next = joined(prompt_of(500), prompt_of(3, 1));
  const WholeReply after = ask(*rig.engine, request_for(next, 5));
  EXPECT_EQ(after.finished.usage.cached_tokens, 500);
  EXPECT_TRUE(after.same_as(ask(*cold.engine, request_for(next, 5))));
}

}  // namespace
}  // namespace hadal
