// The Engine over real (small, random) models: the same bits as a session alone, whatever happens around a
// request.
#include "engine/model_batch.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/model_sequence.h"
#include "engine/session.h"
#include "engine_replies.h"
#include "golden/golden.h"
#include "model/model_cases.h"
#include "tools/loaded_model.h"

namespace hadal {
namespace {

constexpr int64_t kVocab = 300;
constexpr int64_t kContext = 500;

struct ModelUnderTest {
  const Model& model;
  std::unique_ptr<Ops> ops;
};

ModelUnderTest model_in(Numerics numerics) {
  return {*small_random_model(RandomFormat::kFp8Fp4),
          make_ops({.numerics = numerics, .isa = available_isas().back(), .threads = 1})};
}

std::unique_ptr<Engine> engine_for(const ModelUnderTest& under_test, BatchOptions batch,
                                   const EngineOptions& options) {
  batch.max_tokens = kContext;
  return std::make_unique<Engine>(std::make_unique<ModelBatch>(under_test.model, *under_test.ops, batch),
                                  options);
}

// What a session says, alone and cold.
WholeReply alone(const ModelUnderTest& under_test, const GenerationRequest& request) {
  Session session(std::make_unique<ModelSequence>(
                      under_test.model, *under_test.ops,
                      SequenceOptions{.max_tokens = kContext, .max_rows = 100, .drafts = false}),
                  Speculation::kOff);
  WholeReply reply;
  GenerateRequest asked;
  asked.context = request.prompt;
  asked.max_new_tokens = request.max_new_tokens;
  asked.sampling = request.sampling;
  asked.top_logprobs = request.top_logprobs;
  GenerateHooks hooks;
  hooks.on_token = [&](const GeneratedToken& token) {
    reply.ids.push_back(token.id);
    reply.positions.push_back(token.position);
    reply.logprobs.push_back(token.logprobs->chosen);
    for (const TokenLogprob& top : token.logprobs->top) reply.logprobs.push_back(top.logprob + top.id);
    return true;
  };
  reply.finished.reason = session.generate(asked, hooks).finish;
  return reply;
}

TEST(ModelBatch, GivesTheBitsOfASessionInAnyCompany) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kNative}) {
    const ModelUnderTest under_test = model_in(numerics);
    std::vector<GenerationRequest> requests;
    std::vector<WholeReply> expected;
    for (uint32_t i = 0; i < 9; ++i) {
      requests.push_back(request_for(some_tokens(1 + (i * 61) % 170, kVocab, i), 10 + i % 4 * 8, i));
      expected.push_back(alone(under_test, requests.back()));
    }
    for (const int64_t slots : {1, 3, 9}) {
      for (const int64_t rows : {9, 64, 300}) {
        const auto engine = engine_for(under_test, {.slots = slots, .max_rows = rows},
                                       {.prefix_cache_bytes = slots == 3 ? 0 : 1 << 24,
                                        .speculation = slots == 1 ? Speculation::kOn : Speculation::kAuto});
        std::vector<std::shared_ptr<TokenStream>> streams;
        for (size_t i = 0; i < requests.size(); ++i) {
          streams.push_back(submit(*engine, requests[i]));
          if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
        }
        for (size_t i = 0; i < streams.size(); ++i)
          EXPECT_TRUE(read_all(*streams[i]).same_as(expected[i])) << slots << " " << rows << " " << i;
      }
    }
  }
}

TEST(ModelBatch, GivesTheSameBitsFromTheCacheAtEveryCut) {
  const ModelUnderTest under_test = model_in(Numerics::kNative);
  const std::vector<int32_t> text = some_tokens(300, kVocab, 1);
  for (const int64_t known : {5, 120, 127, 128, 129, 135, 137, 255, 256, 257, 270}) {
    const auto warm = engine_for(under_test, {.slots = 2, .max_rows = 64},
                                 {.prefix_cache_bytes = 1 << 26, .speculation = Speculation::kOn});
    ask(*warm, request_for({text.begin(), text.begin() + known}, 0));
    for (const int64_t cut : {known - 4, known, known + 20}) {
      std::vector<int32_t> prompt(text.begin(), text.begin() + cut);
      prompt.push_back((text[static_cast<size_t>(cut)] + 1) % static_cast<int32_t>(kVocab));
      const GenerationRequest request = request_for(prompt, 12);
      const WholeReply reply = ask(*warm, request);
      EXPECT_TRUE(reply.same_as(alone(under_test, request))) << known << " " << cut;
      EXPECT_EQ(reply.finished.usage.cached_tokens, std::min(known, cut));
    }
  }
}

// The same for the members whose states have other parts.
TEST(ModelBatch, RestoresEveryMemberOfTheFamily) {
  HADAL_NEED_SHARED("golden/v32");
  HADAL_NEED_SHARED("golden/v41");
  for (const std::string name : {"v32/tiny", "v41/tiny-fp8", "v4/tiny-fp8"}) {
    ModelOptions options;
    options.dir = shared_path("golden/" + name);
    options.threads = 1;
    LoadedModel loaded = load_model(options);
    const ModelUnderTest under_test{loaded.model, std::move(loaded.ops)};
    const std::vector<int32_t> text = some_tokens(300, loaded.model.config().vocab_size, 1);
    for (const int64_t known : {128, 141}) {
      const auto warm = engine_for(under_test, {.slots = 2, .max_rows = 64},
                                   {.prefix_cache_bytes = 1 << 26, .speculation = Speculation::kOn});
      ask(*warm, request_for({text.begin(), text.begin() + known}, 0));
      for (const int64_t cut : {known - 5, known + 20}) {
        std::vector<int32_t> prompt(text.begin(), text.begin() + cut);
        prompt.push_back((text[static_cast<size_t>(cut)] + 1) % 100);
        const GenerationRequest request = request_for(prompt, 8);
        const WholeReply reply = ask(*warm, request);
        EXPECT_TRUE(reply.same_as(alone(under_test, request))) << name << " " << known << " " << cut;
        EXPECT_EQ(reply.finished.usage.cached_tokens, std::min(known, cut)) << name;
      }
    }
  }
}

TEST(ModelBatch, ContinuesAConversationWhereItEnded) {
  const ModelUnderTest under_test = model_in(Numerics::kNative);
  const auto warm = engine_for(under_test, {.slots = 2, .max_rows = 64},
                               {.prefix_cache_bytes = 1 << 26, .speculation = Speculation::kOn});
  std::vector<int32_t> context = some_tokens(100, kVocab, 3);
  int64_t known = 0;
  for (uint32_t turn = 0; turn < 5; ++turn) {
    const GenerationRequest request = request_for(context, 20 + turn * 3);
    const WholeReply reply = ask(*warm, request);
    EXPECT_TRUE(reply.same_as(alone(under_test, request))) << turn;
    EXPECT_GE(reply.finished.usage.cached_tokens, known);
    known = std::ssize(context) + std::ssize(reply.ids) - 1;
    context = joined(joined(context, reply.ids), some_tokens(10, kVocab, turn));
  }
}

TEST(ModelBatch, PlansItsMemory) {
  const Model& model = *small_random_model(RandomFormat::kFp8Fp4);
  const BatchOptions one{.slots = 1, .max_tokens = 4096, .max_rows = 64};
  BatchOptions three = one;
  three.slots = 3;
  const int64_t a = ModelBatch::planned_bytes(model.config(), EntryFormat::kStored, 1, one);
  const int64_t b = ModelBatch::planned_bytes(model.config(), EntryFormat::kStored, 1, three);
  EXPECT_GE(b - a, 2 * plan_state(model.config(), EntryFormat::kStored, 4096, 1).total());
}

}  // namespace
}  // namespace hadal
