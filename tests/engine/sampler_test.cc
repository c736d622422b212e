#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "base/error.h"
#include "engine/logprobs.h"
#include "engine/rng.h"

namespace hadal {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::vector<float> random_logits(int64_t count, uint64_t seed, double deviation) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> logits;
  for (int64_t i = 0; i < count; ++i) logits.push_back(static_cast<float>(normal(random)));
  // Ties, as int8 products give them.
  for (int64_t i = 0; i + 7 < count; i += 5) logits[i + 7] = logits[i];
  return logits;
}

// The steps of sampler.h, each in the most obvious way, with the library's exp and log.
int32_t obvious_draw(const SamplingParams& params, std::vector<float> logits, int64_t position,
                     const std::vector<int32_t>& prompt, const std::vector<int32_t>& reply) {
  for (const auto& [id, bias] : params.logit_bias) logits[id] += bias;
  for (int32_t id = 0; id < static_cast<int32_t>(logits.size()); ++id) {
    const auto in_reply = std::count(reply.begin(), reply.end(), id);
    if (in_reply + std::count(prompt.begin(), prompt.end(), id) == 0) continue;
    double l = logits[id];
    l = l > 0 ? l / params.repetition_penalty : l * params.repetition_penalty;
    if (in_reply > 0) l -= params.presence_penalty + params.frequency_penalty * static_cast<double>(in_reply);
    logits[id] = static_cast<float>(l);
  }
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  if (params.temperature == 0) return order[0];
  if (params.top_k > 0 && params.top_k < static_cast<int64_t>(order.size())) order.resize(params.top_k);
  const auto z = [&](int32_t id) {
    return (double{logits[id]} - double{logits[order[0]]}) / params.temperature;
  };
  if (params.top_p < 1) {
    double sum = 0;
    for (const int32_t id : order) sum += std::exp(z(id));
    double run = 0;
    size_t kept = 0;
    while (kept == 0 || (run < params.top_p * sum && kept < order.size())) run += std::exp(z(order[kept++]));
    order.resize(kept);
  }
  std::erase_if(order, [&](int32_t id) { return std::exp(z(id)) < params.min_p; });
  TokenRandom random(params.seed, position);
  const auto score = [&](int32_t id) { return z(id) - std::log(-std::log((random(id) + 0.5) * 0x1p-32)); };
  return *std::max_element(order.begin(), order.end(),
                           [&](int32_t a, int32_t b) { return score(a) < score(b); });
}

TEST(Sampler, EqualsTheObviousWay) {
  std::mt19937_64 random(3);
  const auto pick = [&](auto... values) {
    const std::vector all{values...};
    return all[random() % all.size()];
  };
  for (int trial = 0; trial < 3000; ++trial) {
    SamplingParams params;
    params.temperature = pick(0.0, 0.1, 0.7, 1.0, 1.0, 3.0, 100.0);
    params.top_k = pick(0, 0, 1, 5, 40, 1000);
    params.top_p = pick(1.0, 1.0, 0.0, 0.3, 0.95, 0.999);
    params.min_p = pick(0.0, 0.0, 0.05, 0.5, 1.0);
    params.repetition_penalty = pick(1.0, 1.0, 1.3, 0.7);
    params.presence_penalty = pick(0.0, 0.0, 1.5, -0.5);
    params.frequency_penalty = pick(0.0, 0.0, 0.4);
    params.seed = random();
    if (trial % 3 == 0) params.logit_bias = {{1, 3.5f}, {0, kNever}, {17, -2.0f}};
    const int64_t vocab = pick(18, 33, 257, 1200);
    const auto logits = random_logits(vocab, random(), pick(0.2, 2.0, 9.0));
    std::vector<int32_t> prompt;
    std::vector<int32_t> reply;
    for (int i = 0; i < 12; ++i) prompt.push_back(static_cast<int32_t>(random() % vocab));
    for (int i = 0; i < 9; ++i) reply.push_back(static_cast<int32_t>(random() % 20 % vocab));

    Sampler sampler(params, vocab);
    sampler.start(prompt);
    for (const int32_t id : reply) sampler.accept(id);
    const auto position = static_cast<int64_t>(random() % 100000);
    ASSERT_EQ(sampler.draw(logits, position), obvious_draw(params, logits, position, prompt, reply))
        << "trial " << trial << " vocab " << vocab << " temperature " << params.temperature << " top_k "
        << params.top_k << " top_p " << params.top_p << " min_p " << params.min_p;
  }
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  Sampler sampler({.temperature = 0}, 5);
  EXPECT_EQ(sampler.draw(std::vector<float>{1, 4, -2, 4, 4}, 9), 1);
  EXPECT_EQ(sampler.draw(std::vector<float>{kNever, kNever, -7, kNever, -7}, 9), 2);
}

TEST(Sampler, ADrawDoesNotDependOnEarlierOnes) {
  const auto logits = random_logits(300, 5, 1);
  Sampler once({.seed = 11}, 300);
  Sampler often({.seed = 11}, 300);
  for (int64_t position = 0; position < 50; ++position) often.draw(logits, position);
  for (int64_t position = 20; position < 40; ++position)
    EXPECT_EQ(once.draw(logits, position), often.draw(logits, position));
}

// Chi-squared over the positions of one seed, and over the seeds of one position.
TEST(Sampler, FrequenciesFollowTheSoftmax) {
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f, 0.5f, -3.0f, 0.0f};
  constexpr int kDraws = 40000;
  for (const double temperature : {0.7, 1.0, 2.0}) {
    for (const bool over_seeds : {false, true}) {
      double sum = 0;
      for (const float l : logits) sum += std::exp(l / temperature);
      std::vector<int> seen(logits.size());
      Sampler fixed({.temperature = temperature, .seed = 42}, 7);
      for (int i = 0; i < kDraws; ++i) {
        if (over_seeds) {
          Sampler other({.temperature = temperature, .seed = static_cast<uint64_t>(i)}, 7);
          ++seen[other.draw(logits, 1000)];
        } else {
          ++seen[fixed.draw(logits, i)];
        }
      }
      double chi2 = 0;
      for (size_t i = 0; i < logits.size(); ++i) {
        const double expected = kDraws * std::exp(logits[i] / temperature) / sum;
        chi2 += (seen[i] - expected) * (seen[i] - expected) / expected;
      }
      EXPECT_LT(chi2, 22.46) << temperature << over_seeds;  // 6 degrees of freedom, p = 0.001
    }
  }
}

// Two nearby distributions draw the same token at least (1 - tv) / (1 + tv) of the time.
TEST(Sampler, NearbyDistributionsAgree) {
  const auto target = random_logits(500, 6, 2);
  auto draft = target;
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, 0.4);
  for (float& l : draft) l += static_cast<float>(noise(random));
  double target_sum = 0;
  double draft_sum = 0;
  for (size_t i = 0; i < target.size(); ++i) {
    target_sum += std::exp(target[i]);
    draft_sum += std::exp(draft[i]);
  }
  double tv = 0;
  for (size_t i = 0; i < target.size(); ++i)
    tv += 0.5 * std::abs(std::exp(target[i]) / target_sum - std::exp(draft[i]) / draft_sum);
  Sampler sampler({.seed = 8}, 500);
  int agreed = 0;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) agreed += sampler.draw(target, i) == sampler.draw(draft, i);
  EXPECT_GT(tv, 0.05);
  EXPECT_GT(agreed, kDraws * ((1 - tv) / (1 + tv) - 0.03)) << "tv " << tv;
}

TEST(Sampler, PenaltiesByHand) {
  const std::vector<float> logits{2.0f, 1.9f, -1.0f, 0.5f};
  const auto greedy = [&](SamplingParams params, std::vector<int32_t> prompt, std::vector<int32_t> reply) {
    params.temperature = 0;
    Sampler sampler(params, 4);
    sampler.start(prompt);
    for (const int32_t id : reply) sampler.accept(id);
    return sampler.draw(logits, 0);
  };
  EXPECT_EQ(greedy({}, {0}, {0}), 0);
  // 2.0 / 1.1 = 1.818 < 1.9: the prompt counts for repetition.
  EXPECT_EQ(greedy({.repetition_penalty = 1.1}, {0}, {}), 1);
  // 2.0 / 1.05 = 1.905 > 1.9, however often.
  EXPECT_EQ(greedy({.repetition_penalty = 1.05}, {0, 0}, {0, 0}), 0);
  // The prompt does not count for presence and frequency.
  EXPECT_EQ(greedy({.presence_penalty = 0.2}, {0, 0, 0}, {}), 0);
  EXPECT_EQ(greedy({.presence_penalty = 0.2}, {}, {0}), 1);
  EXPECT_EQ(greedy({.presence_penalty = 0.09}, {}, {0, 0, 0}), 0);
  EXPECT_EQ(greedy({.frequency_penalty = 0.04}, {}, {0, 0}), 0);     // 2.0 - 0.08
  EXPECT_EQ(greedy({.frequency_penalty = 0.04}, {}, {0, 0, 0}), 1);  // 2.0 - 0.12
  // Presence below zero invites; 0.5 + 1.6 = 2.1.
  EXPECT_EQ(greedy({.presence_penalty = -1.6}, {}, {3}), 3);
  // A negative logit is multiplied: -1 * 0.1 = -0.1, still lowest; with 2.0 it is -2.
  EXPECT_EQ(
      greedy({.repetition_penalty = 1.1, .logit_bias = {{0, kNever}, {1, kNever}, {3, -1.55f}}}, {2}, {}), 3);
  EXPECT_EQ(
      greedy({.repetition_penalty = 1.0, .logit_bias = {{0, kNever}, {1, kNever}, {3, -1.55f}}}, {2}, {}), 2);
  // A new start forgets.
  Sampler sampler({.temperature = 0, .presence_penalty = 1}, 4);
  sampler.accept(0);
  EXPECT_EQ(sampler.draw(logits, 0), 1);
  sampler.start({});
  EXPECT_EQ(sampler.draw(logits, 0), 0);
}

TEST(Sampler, RefusesWhatItCannotDo) {
  const auto message = [](SamplingParams params) -> std::string {
    try {
      Sampler sampler(params, 10);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({.temperature = -1}), "temperature is -1; it must be between 0 and 100");
  EXPECT_NE(message({.temperature = std::nan("")}), "");
  EXPECT_NE(message({.top_k = -1}), "");
  EXPECT_NE(message({.top_p = 1.1}), "");
  EXPECT_NE(message({.min_p = -0.1}), "");
  EXPECT_NE(message({.repetition_penalty = 0}), "");
  EXPECT_NE(message({.presence_penalty = 1e9}), "");
  EXPECT_NE(message({.frequency_penalty = std::nan("")}), "");
  EXPECT_EQ(message({.logit_bias = {{10, 1.0f}}}),
            "logit bias names token 10; this model's tokens are 0 to 9");
  EXPECT_NE(message({.logit_bias = {{-1, 1.0f}}}), "");
  EXPECT_NE(message({.logit_bias = {{1, std::nanf("")}}}), "");
  EXPECT_EQ(message({.temperature = 0, .top_p = 0, .min_p = 1}), "");
}

// A mask is the same as -inf for all others, and a mask that allows nothing is an error.
TEST(Sampler, DrawsOnlyWhatIsAllowed) {
  const auto logits = random_logits(200, 4, 7);
  for (const double temperature : {0.0, 0.7, 3.0}) {
    for (const double top_p : {0.5, 1.0}) {
      const SamplingParams params{.temperature = temperature, .top_k = 9, .top_p = top_p, .seed = 8};
      Sampler sampler(params, 200);
      for (int64_t position = 0; position < 50; ++position) {
        std::vector<uint64_t> allowed(4);
        auto lowered = logits;
        for (int32_t id = 0; id < 200; ++id) {
          const bool keep = philox4x32({static_cast<uint32_t>(id), 0, 0, 0}, position)[0] % 7 == 0;
          if (keep)
            allowed[id / 64] |= uint64_t{1} << (id % 64);
          else
            lowered[id] = kNever;
        }
        const int32_t drawn = sampler.draw(logits, position, allowed);
        EXPECT_EQ(drawn, Sampler(params, 200).draw(lowered, position));
        EXPECT_TRUE(allowed[drawn / 64] >> (drawn % 64) & 1);
      }
      EXPECT_THROW(sampler.draw(logits, 0, std::vector<uint64_t>(4)), Error);
    }
  }
}

TEST(Sampler, SurvivesBrokenLogits) {
  const float nan = std::nanf("");
  for (const double temperature : {0.0, 1.0}) {
    for (const int64_t top_k : {0, 2}) {
      Sampler sampler({.temperature = temperature, .top_k = top_k, .top_p = 0.9}, 4);
      EXPECT_THROW(sampler.draw(std::vector<float>{nan, nan, nan, nan}, 0), Error);
      EXPECT_THROW(sampler.draw(std::vector<float>{kNever, kNever, kNever, kNever}, 0), Error);
      EXPECT_THROW(sampler.draw(std::vector<float>{1, -kNever, 0, 0}, 0), Error);
      EXPECT_EQ(sampler.draw(std::vector<float>{nan, kNever, 3, nan}, 0), 2);
    }
  }
}

TEST(Logprobs, EqualTheObviousWay) {
  for (const int64_t vocab : {1, 5, 400}) {
    const auto logits = random_logits(vocab, 9, 3);
    double sum = 0;
    for (const float l : logits) sum += std::exp(double{l});
    std::vector<int32_t> order(vocab);
    for (int64_t i = 0; i < vocab; ++i) order[i] = static_cast<int32_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
    for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{20}, vocab + 3}) {
      const Logprobs result = logprobs_of(logits, static_cast<int32_t>(vocab / 2), count);
      EXPECT_NEAR(result.chosen, logits[vocab / 2] - std::log(sum), 1e-12);
      ASSERT_EQ(result.top.size(), static_cast<size_t>(std::min(count, vocab)));
      for (size_t i = 0; i < result.top.size(); ++i) {
        EXPECT_EQ(result.top[i].id, order[i]);
        EXPECT_NEAR(result.top[i].logprob, logits[order[i]] - std::log(sum), 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace hadal
