// Session: one conversation. Given the whole context, computes what it has not computed yet, then generates.
//
// The tokens depend on the context and the request only (generation.h): not on what was reused, the chunk
// size, drafts or timing. Runs on the caller's thread; callbacks must not call back into the session.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/speculation.h"

namespace hadal {

struct GenerateRequest {
  std::vector<int32_t> context;  // all of it; at least one token
  int64_t max_new_tokens = std::numeric_limits<int64_t>::max();
  std::vector<int32_t> stop_tokens = {};  // the first of these is given out and ends the reply
  SamplingParams sampling = {};
  std::optional<int64_t> top_logprobs = {};  // wanted for each token: its own and this many of the best
};

struct GenerateHooks {
  std::function<void(int64_t done, int64_t total)> on_prompt;  // tokens of the context; after each chunk
  std::function<bool(const GeneratedToken&)> on_token;         // false: no more, please
  Sequence::Cancelled cancelled;
};

struct GenerateResult {
  FinishReason finish = FinishReason::kLength;
  int64_t context_tokens = 0;
  int64_t reused_tokens = 0;  // of those, not computed again
  int64_t new_tokens = 0;
  int64_t drafted_tokens = 0;
  int64_t accepted_tokens = 0;  // of those
  double prompt_seconds = 0;    // up to the first token
  double generate_seconds = 0;  // from there to the last
};

class Session {
 public:
  Session(std::unique_ptr<Sequence> sequence, Speculation speculation);

  // Error(kUsage) for an empty context, a token that the model does not have, or more tokens than it can
  // hold.
  GenerateResult generate(const GenerateRequest& request, const GenerateHooks& hooks);

  const Sequence& sequence() const { return *sequence_; }
  // What the sequence holds.
  std::span<const int32_t> tokens() const { return tokens_; }

 private:
  struct Run;
  void check(const GenerateRequest& request) const;
  void reuse(Run& run);
  std::optional<ConstMat> feed_context(Run& run);
  void step(Run& run);

  std::unique_ptr<Sequence> sequence_;
  SpeculationGovernor governor_;
  std::vector<int32_t> tokens_;
};

}  // namespace hadal
