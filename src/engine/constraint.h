// TokenConstraint: which tokens may come next, decided outside the engine (a grammar of JSON, of tool calls
// ...).
#pragma once

#include <cstdint>
#include <span>

namespace hadal {

// One request's. Called from the engine's thread only, in this order: allowed, accept, allowed, accept ...
// Drafts never reach it: accept() sees only tokens that were given out, so nothing is ever taken back.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  // Bit i of the mask (word i / 64): may token i come next? `mask` has (vocab_size + 63) / 64 words, zero at
  // the call. Bits from vocab_size on are ignored. Error ends the request with kFailed.
  virtual void allowed(std::span<uint64_t> mask) = 0;
  // Takes a token that was given out, stop tokens included. Error ends the request with kFailed.
  virtual void accept(int32_t id) = 0;
};

}  // namespace hadal
