#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {

Generation::Generation(GenerationOptions options, int64_t vocab_size, int64_t max_tokens)
    : options_(std::move(options)),
      sampler_(options_.sampling, vocab_size),
      max_tokens_(max_tokens),
      constrained_(options_.constraint != nullptr && !options_.constrained_after),
      mask_(options_.constraint != nullptr ? static_cast<size_t>(vocab_size + 63) / 64 : 0) {
  if (options_.max_new_tokens <= 0) finish(FinishReason::kLength);
}

std::span<const uint64_t> Generation::mask() {
  if (!constrained_) return {};
  std::fill(mask_.begin(), mask_.end(), uint64_t{0});
  options_.constraint->allowed(mask_);
  return mask_;
}

void Generation::give(std::span<const float> logits, int64_t position, const OnToken& on_token) {
  CHECK(!finished());
  GeneratedToken token;
  token.position = position;
  token.id = last_ = sampler_.draw(logits, position, mask());
  sampler_.accept(token.id);
  if (constrained_)
    options_.constraint->accept(token.id);
  else if (options_.constraint != nullptr && token.id == options_.constrained_after)
    constrained_ = true;
  const auto& stops = options_.stop_tokens;
  token.stops = std::find(stops.begin(), stops.end(), token.id) != stops.end();
  if (options_.top_logprobs) token.logprobs = logprobs_of(logits, token.id, *options_.top_logprobs);
  ++new_tokens_;

  const bool enough = on_token && !on_token(token);
  if (token.position >= max_tokens_) finish(FinishReason::kContextFull);
  if (tokens_left() <= 0) finish(FinishReason::kLength);
  if (enough) finish(FinishReason::kEnough);
  if (token.stops) finish(FinishReason::kStopToken);
}

int64_t Generation::take(std::span<const int32_t> rows, ConstMat logits, int64_t position,
                         const OnToken& on_token) {
  CHECK(logits.rows == std::ssize(rows) && rows[0] == last_);
  int64_t given = 0;
  do {
    give({logits.row(given), static_cast<size_t>(logits.cols)}, position + given + 1, on_token);
    ++given;
  } while (!finished() && given < logits.rows && rows[given] == last_);
  return given;
}

}  // namespace hadal
