// TokenStream: what a generator has to say about one request, from its thread to a reader's.
//
// Bounded: a generator does not go on with a request whose stream is full, so a slow reader costs its own
// reply time and nobody memory. Thread-safe; one writer, one reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "engine/generation.h"

namespace hadal {

// How far the prompt has been read. Only the newest is kept.
struct PromptProgress {
  int64_t done = 0;
  int64_t total = 0;
  int64_t cached = 0;  // of `done`, those that came from the cache
};

// A token of the prompt, where GenerationRequest::prompt_logprobs asked for it. The first one has no
// logprobs.
struct PromptToken {
  int32_t id = 0;
  int64_t position = 0;
  std::optional<Logprobs> logprobs;
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of those, not computed again
  int64_t new_tokens = 0;
  int64_t drafted_tokens = 0;
  int64_t accepted_tokens = 0;  // of those
  double queue_seconds = 0;
  double prompt_seconds = 0;    // from admission to the first token
  double generate_seconds = 0;  // from there to the last
};

// The last event of every stream.
struct Finished {
  FinishReason reason = FinishReason::kLength;
  Usage usage;
  std::string error = {};  // kFailed only: an Error's message
};

using StreamEvent = std::variant<PromptProgress, PromptToken, GeneratedToken, Finished>;

class TokenStream {
 public:
  explicit TokenStream(size_t capacity = 512);

  // --- the reader ---

  // The next event, if there is one.
  std::optional<StreamEvent> next();
  // Waits for it, at most this long.
  std::optional<StreamEvent> wait_next(std::chrono::milliseconds at_most);
  // Called whenever next() has something new, from the writer's thread and under the stream's lock: it must
  // only pass the word on (post to an executor). Called at once if something waits already. Once
  // on_ready({}) has returned, the old one is not running and never runs again.
  void on_ready(std::function<void()> callback);
  // The reader wants no more. A Finished still comes, after at most one layer of a forward pass.
  void cancel();

  // --- the writer ---

  void push(StreamEvent event);
  // No more tokens, please, until the reader has caught up.
  bool is_full() const;
  bool is_cancelled() const;
  // Called by next() when a full stream has room again, and by cancel(), under the lock.
  void on_room(std::function<void()> callback);

 private:
  std::optional<StreamEvent> take();

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<StreamEvent> events_;
  std::optional<PromptProgress> progress_;
  std::function<void()> on_ready_;
  std::function<void()> on_room_;
  bool cancelled_ = false;
};

}  // namespace hadal
