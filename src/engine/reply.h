// What a reply is made of: its tokens, and why it ended.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/logprobs.h"

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
  kStopping,       // the engine was stopped
  kContentFilter,  // a scripted generator's
  kFailed,         // an Error
};

}  // namespace hadal
