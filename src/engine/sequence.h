// Sequence: one timeline of one model, as a session sees it: feed tokens, read logits, go back, draft.
//
// ModelSequence is the real one; tests script their own. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace hadal {

class Sequence {
 public:
  virtual ~Sequence() = default;

  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_tokens() const = 0;  // of the whole sequence
  virtual int64_t max_rows() const = 0;    // of one feed
  virtual int64_t length() const = 0;      // tokens fed

  // Feeds the next tokens. Logits [logit_rows, vocab] of the last rows, valid until the next call of anything
  // here. Nothing if `cancelled` (asked now and then; may be empty) said so: length() is as before, and
  // rewind() must come before the next feed.
  using Cancelled = std::function<bool()>;
  virtual std::optional<ConstMat> feed(std::span<const int32_t> ids, int64_t logit_rows,
                                       const Cancelled& cancelled) = 0;

  // Goes back to `length` or, where it cannot, to the longest earlier length it can; returns what was
  // reached. The last max_drafts() tokens can always be taken back exactly.
  virtual int64_t rewind(int64_t length) = 0;
  // The present length is a good place to come back to.
  virtual void remember() = 0;

  // How many tokens draft() can propose; 0 without a drafter.
  virtual int64_t max_drafts() const = 0;
  // Proposes at most `count` tokens for positions length() + 1 ... when `next` is the one at length(). They
  // are drawn by draw(logits, position) from the drafter's own logits.
  using Draw = std::function<int32_t(std::span<const float> logits, int64_t position)>;
  virtual std::vector<int32_t> draft(int32_t next, int64_t count, const Draw& draw) = 0;
};

}  // namespace hadal
