#include "engine/session.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

// One call of generate().
struct Session::Run {
  const GenerateRequest& request;
  const GenerateHooks& hooks;
  Sampler sampler;
  GenerateResult result;
  bool finished = false;
  int32_t last = -1;  // given out; fed by the next step unless a draft already was

  void finish(FinishReason reason) {
    result.finish = reason;
    finished = true;
  }
};

Session::Session(std::unique_ptr<Sequence> sequence, Speculation speculation)
    : sequence_(std::move(sequence)), governor_(speculation) {}

GenerateResult Session::generate(const GenerateRequest& request, const GenerateHooks& hooks) {
  check(request);
  Run run{request, hooks, Sampler(request.sampling, sequence_->vocab_size()), {}};
  const Clock clock;
  reuse(run);
  const std::optional<ConstMat> logits = feed_context(run);
  if (!logits) {
    run.finish(FinishReason::kCancelled);
  } else if (request.max_new_tokens <= 0) {
    run.finish(FinishReason::kLength);
  } else {
    run.sampler.start(request.context);
    give(run, {logits->row(0), static_cast<size_t>(logits->cols)});
    sequence_->remember();
  }
  run.result.prompt_seconds = clock.seconds();
  while (!run.finished) step(run);
  run.result.generate_seconds = clock.seconds() - run.result.prompt_seconds;
  return run.result;
}

void Session::check(const GenerateRequest& request) const {
  const auto count = static_cast<int64_t>(request.context.size());
  if (count == 0) fail(ErrorCode::kUsage, "there is nothing to go on from: the context has no tokens");
  if (count > sequence_->max_tokens())
    fail(ErrorCode::kUsage, "the context has {} tokens; there is room for {}", count,
         sequence_->max_tokens());
  for (const int32_t id : request.context)
    if (id < 0 || id >= sequence_->vocab_size())
      fail(ErrorCode::kUsage, "the context has token {}; this model's tokens are 0 to {}", id,
           sequence_->vocab_size() - 1);
}

// Keeps the longest common prefix of what is computed and what is wanted. The last token of the context is
// always fed: its logits are needed.
void Session::reuse(Run& run) {
  const auto& context = run.request.context;
  const auto [mine, theirs] = std::mismatch(tokens_.begin(), tokens_.end(), context.begin(), context.end());
  const int64_t common = std::min<int64_t>(mine - tokens_.begin(), static_cast<int64_t>(context.size()) - 1);
  const int64_t reached = sequence_->rewind(common);
  CHECK(reached <= common);
  tokens_.resize(reached);
  run.result.context_tokens = static_cast<int64_t>(context.size());
  run.result.reused_tokens = reached;
}

std::optional<ConstMat> Session::feed_context(Run& run) {
  const std::span<const int32_t> context = run.request.context;
  std::optional<ConstMat> logits;
  while (tokens_.size() < context.size()) {
    const auto chunk = context.subspan(tokens_.size())
                           .first(std::min<size_t>(context.size() - tokens_.size(),
                                                   static_cast<size_t>(sequence_->max_rows())));
    const bool is_last = tokens_.size() + chunk.size() == context.size();
    logits = sequence_->feed(chunk, is_last ? 1 : 0, run.hooks.cancelled);
    if (!logits) return {};
    tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
    if (run.hooks.on_prompt) run.hooks.on_prompt(sequence_->length(), run.result.context_tokens);
  }
  return logits;
}

// Draws the token at the end of what is computed and gives it out.
void Session::give(Run& run, std::span<const float> logits) {
  GeneratedToken token;
  token.position = static_cast<int64_t>(tokens_.size());
  token.id = run.last = run.sampler.draw(logits, token.position);
  run.sampler.accept(token.id);
  const auto& stops = run.request.stop_tokens;
  token.stops = std::find(stops.begin(), stops.end(), token.id) != stops.end();
  if (run.request.top_logprobs) token.logprobs = logprobs_of(logits, token.id, *run.request.top_logprobs);
  ++run.result.new_tokens;

  const bool enough = run.hooks.on_token && !run.hooks.on_token(token);
  if (token.position >= sequence_->max_tokens()) run.finish(FinishReason::kContextFull);
  if (run.result.new_tokens >= run.request.max_new_tokens) run.finish(FinishReason::kLength);
  if (enough) run.finish(FinishReason::kEnough);
  if (token.stops) run.finish(FinishReason::kStopToken);
}

// Feeds the last token, with drafts of those after it, and gives out the token that each row draws, as long
// as the draft in the next row is that token.
void Session::step(Run& run) {
  const Clock clock;
  const int64_t drafts_wanted =
      std::min({governor_.wants_drafts() ? sequence_->max_drafts() : 0, sequence_->max_rows() - 1,
                run.request.max_new_tokens - run.result.new_tokens - 1,
                sequence_->max_tokens() - sequence_->length() - 1});
  std::vector<int32_t> rows{run.last};
  if (drafts_wanted > 0) {
    const auto draw = [&](std::span<const float> logits, int64_t position) {
      return run.sampler.draw(logits, position);
    };
    const std::vector<int32_t> drafts = sequence_->draft(run.last, drafts_wanted, draw);
    rows.insert(rows.end(), drafts.begin(), drafts.end());
  }
  const auto count = static_cast<int64_t>(rows.size());
  const std::optional<ConstMat> logits = sequence_->feed(rows, count, run.hooks.cancelled);
  if (!logits) return run.finish(FinishReason::kCancelled);

  int64_t given = 0;
  do {
    tokens_.push_back(run.last);
    give(run, {logits->row(given), static_cast<size_t>(logits->cols)});
    ++given;
  } while (!run.finished && given < count && rows[given] == run.last);
  run.result.drafted_tokens += count - 1;
  run.result.accepted_tokens += given - 1;
  const auto length = static_cast<int64_t>(tokens_.size());
  if (length != sequence_->length()) CHECK(sequence_->rewind(length) == length);
  governor_.record(count > 1, given, clock.seconds());
}

}  // namespace hadal
