// Generation: the drawing of one reply's tokens, however their logits come about: by a Session alone, or by
// the Engine in a batch.
//
// Every token is drawn from the model's own logits with the number of its position, so the tokens depend on
// the context and the request only. A draft counts only if it is the very token drawn.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/constraint.h"
#include "engine/logprobs.h"
#include "engine/sampler.h"
#include "tensor/tensor.h"

namespace hadal {

struct GeneratedToken {
  int32_t id = 0;
  int64_t position = 0;
  bool stops = false;  // one of the request's stop_tokens
  std::optional<Logprobs> logprobs;
};

enum class FinishReason {
  kStopToken,
  kEnough,         // the caller wanted no more
  kLength,         // max_new_tokens
  kContextFull,    // max_tokens of the sequence
  kCancelled,      // the caller went away
  kDeadline,       // the request's own
  kQueueDeadline,  // the request's own, for its start
  kStopping,       // the engine was stopped
  kContentFilter,  // a scripted generator's
  kFailed,         // an Error
};

struct GenerationOptions {
  int64_t max_new_tokens = std::numeric_limits<int64_t>::max();
  std::vector<int32_t> stop_tokens = {};  // the first of these is given out and ends the reply
  SamplingParams sampling = {};
  std::optional<int64_t> top_logprobs = {};  // wanted for each token: its own and this many of the best
  std::shared_ptr<TokenConstraint> constraint = {};
  // The constraint holds from the token after this one; empty: from the first.
  std::optional<int32_t> constrained_after = {};
};

class Generation {
 public:
  // `max_tokens`: of the whole sequence. Sampling parameters are checked (Error(kUsage)).
  Generation(GenerationOptions options, int64_t vocab_size, int64_t max_tokens);

  // The prompt, before the first draw.
  void start(std::span<const int32_t> prompt) { sampler_.start(prompt); }

  // Draws the token at `position` of the sequence and gives it out; may finish the reply.
  using OnToken = std::function<bool(const GeneratedToken&)>;  // false: enough
  void give(std::span<const float> logits, int64_t position, const OnToken& on_token);
  // `rows` were fed: last(), then drafts; logits [rows, vocab] are theirs. Gives out what each row draws, as
  // long as the draft in the next row is that token; returns how many. rows[0] is at `position`.
  int64_t take(std::span<const int32_t> rows, ConstMat logits, int64_t position, const OnToken& on_token);
  // What a drafter with these logits proposes.
  int32_t draft(std::span<const float> logits, int64_t position) { return sampler_.draw(logits, position); }

  bool finished() const { return finished_; }
  FinishReason reason() const { return reason_; }  // of the end
  void finish(FinishReason reason) {
    finished_ = true;
    reason_ = reason;
  }
  int32_t last() const { return last_; }  // given out, not fed yet
  int64_t new_tokens() const { return new_tokens_; }
  int64_t tokens_left() const { return options_.max_new_tokens - new_tokens_; }

 private:
  std::span<const uint64_t> mask();

  GenerationOptions options_;
  Sampler sampler_;
  int64_t max_tokens_;
  bool constrained_;  // from now on
  std::vector<uint64_t> mask_;
  bool finished_ = false;
  FinishReason reason_ = FinishReason::kLength;
  int32_t last_ = -1;
  int64_t new_tokens_ = 0;
};

}  // namespace hadal
