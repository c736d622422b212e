// Generator: what a server asks for replies. Token ids in, token ids out; no text.
//
// Engine is the real one; a server's tests script their own. Every function may be called from any thread and
// returns without waiting for the model, unless it says otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/constraint.h"
#include "engine/sampler.h"
#include "engine/token_stream.h"

namespace hadal {

struct GenerationRequest {
  std::vector<int32_t> prompt;  // the whole context; at least one token
  // 0: the prompt is read (and cached), nothing is drawn.
  int64_t max_new_tokens = std::numeric_limits<int64_t>::max();
  std::vector<int32_t> stop_tokens = {};  // the first of these is given out and ends the reply
  SamplingParams sampling = {};
  std::optional<int64_t> top_logprobs = {};     // wanted for each token: its own and this many of the best
  std::optional<int64_t> prompt_logprobs = {};  // the same for each token of the prompt; turns the cache off

  std::shared_ptr<TokenConstraint> constraint = {};
  // The constraint holds from the token after this one, when it is given out (</think>); empty: from the
  // first one.
  std::optional<int32_t> constrained_after = {};

  // Requests share what is cached only within one namespace.
  std::string cache_namespace = {};
  // Requests with the same key take turns with those of others (an API key, a user).
  std::string fairness_key = {};
  using Time = std::chrono::steady_clock::time_point;
  Time deadline = Time::max();        // for all of it
  Time queue_deadline = Time::max();  // for its start
};

struct Refusal {
  enum class Reason {
    kInvalid,    // the request can never run: message says which field, the value and what is allowed
    kTooLong,    // the prompt leaves no room in the context
    kQueueFull,  // try again
    kStopping,   // the generator takes no more requests
  };
  Reason reason = Reason::kQueueFull;
  double retry_after_seconds = 0;  // kQueueFull: an estimate, at least 1
  std::string message = {};
};

using Submission = std::variant<std::shared_ptr<TokenStream>, Refusal>;

// Numbers for /metrics and /props; counters since the start.
struct GeneratorStats {
  int64_t queued = 0;
  int64_t running = 0;
  int64_t finished_requests = 0;
  int64_t refused_requests = 0;
  int64_t prompt_tokens = 0;      // asked for
  int64_t cached_tokens = 0;      // of those, not computed again
  int64_t new_tokens = 0;         // given out
  int64_t background_tokens = 0;  // read in idle time
  int64_t cache_bytes = 0;
  int64_t cache_budget_bytes = 0;
  int64_t disk_cache_bytes = 0;
  int64_t disk_cache_budget_bytes = 0;
  int64_t disk_bytes_written = 0;
  int64_t engram_rows = 0;  // of Engram's tables on disk that passes asked for
  int64_t engram_hits = 0;  // of those, not read
};

class Generator {
 public:
  virtual ~Generator() = default;

  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_context() const = 0;  // tokens of prompt and reply together

  virtual Submission submit(GenerationRequest request) = 0;
  // Reads these tokens into the cache when there is nothing else to do; dropped where that cannot be.
  virtual void prefill_in_background(std::vector<int32_t> tokens, std::string cache_namespace) = 0;
  virtual GeneratorStats stats() const = 0;

  // Takes no more requests; waits until the running and queued ones have ended. False: some had not when
  // the time was over.
  virtual bool drain(std::chrono::milliseconds at_most) = 0;
  // Ends all that is left with kStopping and waits for that (one layer of a forward pass).
  virtual void stop() = 0;
};

}  // namespace hadal
