// Job: a request inside the Engine.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"

namespace hadal {

struct Engine::Job {
  GenerationRequest request;  // its prompt has moved to `tokens`
  std::shared_ptr<TokenStream> stream;
  std::vector<int32_t> tokens;  // the prompt, then what was given out; the state holds the first of them
  int64_t prompt_tokens = 0;
  std::unique_ptr<Generation> generation;
  int64_t number = 0;  // in order of admission
  int64_t slot = -1;
  int64_t kept = 0;      // the last border in the cache
  bool loading = false;  // its prefix comes from the disk
  bool writing = false;  // the prompt has been read
  bool done = false;
  Usage usage;
  Time submitted, admitted, first_token;

  bool uses_cache() const { return !request.prompt_logprobs; }
  bool is_over(Time now) const { return stream->is_cancelled() || now >= request.deadline; }
  FinishReason why_over() const {
    return stream->is_cancelled() ? FinishReason::kCancelled : FinishReason::kDeadline;
  }
};

}  // namespace hadal
