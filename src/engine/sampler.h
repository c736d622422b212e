// Sampler: logits -> the token of a position. Deterministic to the bit: the answer depends on the logits, the
// parameters, the context and (seed, position), never on earlier draws.
//
// THE ORDER OF STEPS
//   1. logit_bias is added.
//   2. Penalties. repetition_penalty r over every token of the context, prompt included: l > 0 ? l / r : l *
//   r.
//      Then presence and frequency over what was generated after the prompt: l -= presence + frequency *
//      count for tokens with count > 0.
//   3. Temperature 0: the largest logit, lowest id first among equals; done. Else z = (l - largest l) /
//   temperature.
//   4. top_k: the k largest l, lowest id first among equals. 0 = off.
//   5. top_p: in descending order of e^z (lowest id first), the shortest run that holds at least top_p of the
//   sum over
//      what step 4 left; at least one token. 1 = off.
//   6. min_p: those with e^z >= min_p, that is at least min_p times the most likely one. 0 = off.
//   7. The draw: the largest z + g, g = -ln(-ln u), u from (seed, position, id). This picks token i with
//   probability
//      e^z_i / sum e^z (Gumbel's trick). Because each token has its own number, two distributions that are
//      nearly equal nearly always draw the same token, which is what makes drafts agree.
// z and everything after it is double; logits after steps 1 and 2 are float.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace hadal {

struct SamplingParams {
  double temperature = 1.0;  // 0: greedy
  int64_t top_k = 0;
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::vector<std::pair<int32_t, float>> logit_bias = {};  // -inf forbids a token
  uint64_t seed = 0;
};

// Error(kUsage) naming the parameter, its value and what is allowed.
void check_sampling_params(const SamplingParams& params, int64_t vocab_size);

class Sampler {
 public:
  // Params are checked (Error(kUsage)).
  Sampler(SamplingParams params, int64_t vocab_size);

  // The context, for the penalties: the prompt, then each token that was accepted after it.
  void start(std::span<const int32_t> prompt);
  void accept(int32_t id);

  // The token at `position` of the sequence. `allowed`: bit i (of word i / 64) for token i, empty for all;
  // the others count as -inf from the first step on. Error(kFailure) if no logit is a number or none is
  // allowed.
  int32_t draw(std::span<const float> logits, int64_t position, std::span<const uint64_t> allowed = {});

  const SamplingParams& params() const { return params_; }

 private:
  struct Candidate {
    int32_t id;
    float logit;
    double weight;  // e^z, where a step needs it
  };

  // What top_k leaves: logits above `lowest`, and the first `equals` of those that equal it.
  struct Cut {
    float lowest = -std::numeric_limits<float>::infinity();
    int64_t equals = std::numeric_limits<int64_t>::max();
  };

  void adjust(std::span<const float> logits, std::span<const uint64_t> allowed);
  void penalise(int32_t id);
  Cut top_k_cut();
  void collect_candidates(float largest);
  void keep_top_p(float largest);
  int32_t race(float largest, int64_t position) const;
  double scaled(float logit, float largest) const;

  SamplingParams params_;
  bool penalties_;
  std::vector<int32_t> context_;       // its distinct tokens, in order of appearance
  std::vector<uint8_t> in_context_;    // [vocab]
  std::vector<uint32_t> generated_;    // [vocab], how often since the prompt
  std::vector<float> adjusted_;        // [vocab]
  std::vector<float> scratch_;         // [vocab]
  std::vector<Candidate> candidates_;  // ascending ids
};

}  // namespace hadal
