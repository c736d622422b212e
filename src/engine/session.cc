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
  Generation generation;
  GenerateResult result;
};

Session::Session(std::unique_ptr<Sequence> sequence, Speculation speculation)
    : sequence_(std::move(sequence)), governor_(speculation) {}

GenerateResult Session::generate(const GenerateRequest& request, const GenerateHooks& hooks) {
  check(request);
  Run run{request,
          hooks,
          Generation({.max_new_tokens = request.max_new_tokens,
                      .stop_tokens = request.stop_tokens,
                      .sampling = request.sampling,
                      .top_logprobs = request.top_logprobs},
                     sequence_->vocab_size(), sequence_->max_tokens()),
          {}};
  const Clock clock;
  reuse(run);
  const std::optional<ConstMat> logits = feed_context(run);
  if (!logits) {
    run.generation.finish(FinishReason::kCancelled);
  } else if (!run.generation.finished()) {
    run.generation.start(request.context);
    run.generation.give({logits->row(0), static_cast<size_t>(logits->cols)}, std::ssize(tokens_),
                        hooks.on_token);
    sequence_->remember();
  }
  run.result.prompt_seconds = clock.seconds();
  while (!run.generation.finished()) step(run);
  run.result.generate_seconds = clock.seconds() - run.result.prompt_seconds;
  run.result.finish = run.generation.reason();
  run.result.new_tokens = run.generation.new_tokens();
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

// Feeds the last token, with drafts of those after it.
void Session::step(Run& run) {
  const Clock clock;
  const int64_t drafts_wanted =
      std::min({governor_.wants_drafts() ? sequence_->max_drafts() : 0, sequence_->max_rows() - 1,
                run.generation.tokens_left() - 1, sequence_->max_tokens() - sequence_->length() - 1});
  std::vector<int32_t> rows{run.generation.last()};
  if (drafts_wanted > 0) {
    const auto draw = [&](std::span<const float> logits, int64_t position) {
      return run.generation.draft(logits, position);
    };
    const std::vector<int32_t> drafts = sequence_->draft(rows[0], drafts_wanted, draw);
    rows.insert(rows.end(), drafts.begin(), drafts.end());
  }
  const auto count = static_cast<int64_t>(rows.size());
  const std::optional<ConstMat> logits = sequence_->feed(rows, count, run.hooks.cancelled);
  if (!logits) return run.generation.finish(FinishReason::kCancelled);

  const int64_t given = run.generation.take(rows, *logits, std::ssize(tokens_), run.hooks.on_token);
  tokens_.insert(tokens_.end(), rows.begin(), rows.begin() + given);
  run.result.drafted_tokens += count - 1;
  run.result.accepted_tokens += given - 1;
  const auto length = static_cast<int64_t>(tokens_.size());
  if (length != sequence_->length()) CHECK(sequence_->rewind(length) == length);
  governor_.record(drafts_wanted > 0, given, clock.seconds());
}

}  // namespace hadal
