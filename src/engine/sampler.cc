#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/error.h"
#include "engine/log_exp.h"
#include "engine/rng.h"

namespace hadal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLn2 = 0.69314718055994531;
// g of a 32-bit u lies in [-3.14, 22.88].
constexpr double kLargestGumbel = 22.9;
constexpr double kGumbelSpan = 26.1;

void check_range(const char* name, double value, double low, double high) {
  if (!(value >= low && value <= high))
    fail(ErrorCode::kUsage, "{} is {}; it must be between {} and {}", name, value, low, high);
}

double gumbel(uint32_t random) {
  const double u = (random + 0.5) * 0x1p-32;
  return -log_positive(-log_positive(u));
}

// Never below gumbel(random): -ln u >= 1 - u, and 1 - u > 2^-(leading zeros + 1).
double gumbel_bound(uint32_t random) { return kLn2 * (std::countl_zero(~random) + 1) + 1e-6; }

}  // namespace

void check_sampling_params(const SamplingParams& params, int64_t vocab_size) {
  check_range("temperature", params.temperature, 0, 100);
  if (params.top_k < 0) fail(ErrorCode::kUsage, "top-k is {}; it must be 0 (off) or more", params.top_k);
  check_range("top-p", params.top_p, 0, 1);
  check_range("min-p", params.min_p, 0, 1);
  check_range("repetition penalty", params.repetition_penalty, 0.01, 100);
  check_range("presence penalty", params.presence_penalty, -100, 100);
  check_range("frequency penalty", params.frequency_penalty, -100, 100);
  for (const auto& [id, bias] : params.logit_bias) {
    if (id < 0 || id >= vocab_size)
      fail(ErrorCode::kUsage, "logit bias names token {}; this model's tokens are 0 to {}", id,
           vocab_size - 1);
    if (std::isnan(bias) || bias == std::numeric_limits<float>::infinity())
      fail(ErrorCode::kUsage, "logit bias of token {} is {}; it must be a number or -inf", id, bias);
  }
}

Sampler::Sampler(SamplingParams params, int64_t vocab_size)
    : params_(std::move(params)),
      penalties_(params_.repetition_penalty != 1 || params_.presence_penalty != 0 ||
                 params_.frequency_penalty != 0),
      in_context_(penalties_ ? vocab_size : 0),
      generated_(penalties_ ? vocab_size : 0),
      adjusted_(vocab_size) {
  check_sampling_params(params_, vocab_size);
}

int32_t Sampler::draw(std::span<const float> logits, int64_t position, std::span<const uint64_t> allowed) {
  CHECK(logits.size() == adjusted_.size());
  adjust(logits, allowed);
  // A NaN never compares greater, so it never wins.
  float largest = -std::numeric_limits<float>::infinity();
  int32_t best = -1;
  for (size_t id = 0; id < adjusted_.size(); ++id) {
    if (adjusted_[id] > largest) {
      largest = adjusted_[id];
      best = static_cast<int32_t>(id);
    }
  }
  if (best < 0 || largest == std::numeric_limits<float>::infinity())
    fail(ErrorCode::kFailure,
         "no token can be chosen at position {}: the largest {}logit is {}. Check the model's files (hadal "
         "inspect --check) and the logit bias",
         position, allowed.empty() ? "" : "allowed ", best < 0 ? "not a number" : "infinite");
  if (params_.temperature == 0) return best;
  collect_candidates(largest);
  if (params_.top_p < 1) keep_top_p(largest);
  if (params_.min_p > 0)
    std::erase_if(candidates_, [&](const Candidate& c) {
      return exp_nonpositive(scaled(c.logit, largest)) < params_.min_p;
    });
  return race(largest, position);
}

void Sampler::start(std::span<const int32_t> prompt) {
  if (!penalties_) return;
  context_.clear();
  std::fill(in_context_.begin(), in_context_.end(), uint8_t{0});
  std::fill(generated_.begin(), generated_.end(), 0u);
  for (const int32_t id : prompt) {
    if (in_context_[id] == 0) context_.push_back(id);
    in_context_[id] = 1;
  }
}

void Sampler::accept(int32_t id) {
  if (!penalties_) return;
  if (in_context_[id] == 0) context_.push_back(id);
  in_context_[id] = 1;
  ++generated_[id];
}

void Sampler::adjust(std::span<const float> logits, std::span<const uint64_t> allowed) {
  std::copy(logits.begin(), logits.end(), adjusted_.begin());
  if (!allowed.empty()) {
    CHECK(allowed.size() * 64 >= adjusted_.size());
    for (size_t id = 0; id < adjusted_.size(); ++id)
      if ((allowed[id / 64] >> (id % 64) & 1) == 0) adjusted_[id] = -std::numeric_limits<float>::infinity();
  }
  for (const auto& [id, bias] : params_.logit_bias) adjusted_[id] += bias;
  if (!penalties_) return;
  for (const int32_t id : context_) penalise(id);
}

void Sampler::penalise(int32_t id) {
  double l = adjusted_[id];
  l = l > 0 ? l / params_.repetition_penalty : l * params_.repetition_penalty;
  if (generated_[id] > 0) l -= params_.presence_penalty + params_.frequency_penalty * generated_[id];
  adjusted_[id] = static_cast<float>(l);
}

double Sampler::scaled(float logit, float largest) const {
  return (static_cast<double>(logit) - static_cast<double>(largest)) / params_.temperature;
}

Sampler::Cut Sampler::top_k_cut() {
  Cut cut;
  scratch_.clear();
  for (const float l : adjusted_)
    if (!std::isnan(l)) scratch_.push_back(l);
  if (params_.top_k >= static_cast<int64_t>(scratch_.size())) return cut;
  const auto kth = scratch_.begin() + (params_.top_k - 1);
  std::nth_element(scratch_.begin(), kth, scratch_.end(), std::greater<>());
  cut.lowest = *kth;
  cut.equals = params_.top_k - std::count_if(scratch_.begin(), kth, [&](float l) { return l > cut.lowest; });
  return cut;
}

// Tokens that may be drawn, before top_p. Without top_p those are left out that no random number can lift
// past the largest; top_p needs the sum over all.
void Sampler::collect_candidates(float largest) {
  Cut cut = params_.top_k > 0 ? top_k_cut() : Cut{};
  const double lowest = params_.top_p < 1 ? -kInfinity : -kGumbelSpan;
  candidates_.clear();
  for (size_t id = 0; id < adjusted_.size(); ++id) {
    const float l = adjusted_[id];
    if (!(l >= cut.lowest)) continue;
    if (l == cut.lowest && cut.equals-- <= 0) continue;
    if (scaled(l, largest) < lowest) continue;
    candidates_.push_back({static_cast<int32_t>(id), l, 0});
  }
}

void Sampler::keep_top_p(float largest) {
  double sum = 0;
  for (Candidate& c : candidates_) {
    c.weight = exp_nonpositive(scaled(c.logit, largest));
    sum += c.weight;
  }
  const double wanted = params_.top_p * sum;
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  // Sorted in growing parts: most distributions need a few tokens only.
  double run = 0;
  size_t kept = 0;
  size_t sorted = 0;
  do {
    if (kept == sorted) {
      const size_t end = std::min(candidates_.size(), sorted * 4 + 64);
      const auto middle = candidates_.begin() + static_cast<ptrdiff_t>(end);
      const auto rest = candidates_.begin() + static_cast<ptrdiff_t>(sorted);
      if (middle != candidates_.end()) std::nth_element(rest, middle, candidates_.end(), better);
      std::sort(rest, middle, better);
      sorted = end;
    }
    run += candidates_[kept++].weight;
  } while (run < wanted && kept < candidates_.size());
  candidates_.resize(kept);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

int32_t Sampler::race(float largest, int64_t position) const {
  TokenRandom random(params_.seed, position);
  int32_t winner = -1;
  double best = -kInfinity;
  for (const Candidate& c : candidates_) {
    const double z = scaled(c.logit, largest);
    if (z + kLargestGumbel < best) continue;
    const uint32_t r = random(c.id);
    if (z + gumbel_bound(r) < best) continue;  // spares nearly all the logarithms
    const double score = z + gumbel(r);
    if (score > best) {
      best = score;
      winner = c.id;
    }
  }
  CHECK(winner >= 0);
  return winner;
}

}  // namespace hadal
