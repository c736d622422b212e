// The side of the Engine that other threads see: refuse or queue, count, drain, stop.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/engine_job.h"

namespace hadal {
namespace {

constexpr double kLongestRetry = 60;
// Of the queue, for one key: the rest is for others.
constexpr double kLargestShare = 0.75;

Refusal refusal(Refusal::Reason reason, std::string message) { return {reason, 0, std::move(message)}; }

}  // namespace

Submission Engine::submit(GenerationRequest request) {
  if (auto refused = invalid(request)) {
    const std::lock_guard lock(mutex_);
    ++stats_.refused_requests;
    return *std::move(refused);
  }
  auto job = std::make_unique<Job>();
  job->tokens = std::move(request.prompt);
  job->prompt_tokens = std::ssize(job->tokens);
  job->request = std::move(request);
  job->stream = std::make_shared<TokenStream>(options_.stream_events);
  job->stream->on_room([waker = waker_] { waker->wake(); });
  job->submitted = std::chrono::steady_clock::now();
  std::shared_ptr<TokenStream> stream = job->stream;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = no_room(*job)) {
      ++stats_.refused_requests;
      return *std::move(refused);
    }
    ++queued_of_[job->request.fairness_key];
    queued_tokens_ += job->prompt_tokens;
    ++stats_.queued;
    ++open_;
    stats_.prompt_tokens += job->prompt_tokens;
    arrived_.push_back(std::move(job));
    ++arrivals_;
  }
  waker_->wake();
  return stream;
}

std::optional<Refusal> Engine::invalid(const GenerationRequest& request) const {
  using enum Refusal::Reason;
  const auto count = static_cast<int64_t>(request.prompt.size());
  if (count == 0) return refusal(kInvalid, "there is nothing to go on from: the prompt has no tokens");
  if (count > max_context())
    return refusal(kTooLong,
                   fmt::format("the prompt has {} tokens; there is room for {}", count, max_context()));
  for (const int32_t id : request.prompt)
    if (id < 0 || id >= vocab_size())
      return refusal(kInvalid, fmt::format("the prompt has token {}; this model's tokens are 0 to {}", id,
                                           vocab_size() - 1));
  for (const auto& wanted : {request.top_logprobs, request.prompt_logprobs})
    if (wanted && (*wanted < 0 || *wanted > vocab_size()))
      return refusal(kInvalid,
                     fmt::format("top logprobs is {}; it must be between 0 and {}", *wanted, vocab_size()));
  try {
    check_sampling_params(request.sampling, vocab_size());
  } catch (const Error& error) {
    return refusal(kInvalid, error.what());
  }
  return {};
}

std::optional<Refusal> Engine::no_room(const Job& job) {
  using enum Refusal::Reason;
  if (draining_ || stopping_) return refusal(kStopping, "the engine is being stopped");
  const auto of_key = queued_of_.find(job.request.fairness_key);
  const auto key_limit =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(options_.max_queued) * kLargestShare));
  const bool key_full = of_key != queued_of_.end() && of_key->second >= key_limit;
  const bool tokens_full =
      stats_.queued > 0 && queued_tokens_ + job.prompt_tokens > options_.max_queued_tokens;
  if (stats_.queued < options_.max_queued && !key_full && !tokens_full) return {};
  Refusal refused = refusal(kQueueFull, fmt::format("{} requests are waiting already", stats_.queued));
  const double wait =
      service_seconds_ * static_cast<double>(stats_.queued) / static_cast<double>(model_->slots());
  refused.retry_after_seconds = std::clamp(wait, 1.0, kLongestRetry);
  return refused;
}

// Under the lock: the job waits no more.
void Engine::leave_queue(const Job& job) {
  const auto at = queued_of_.find(job.request.fairness_key);
  if (--at->second == 0) queued_of_.erase(at);
  queued_tokens_ -= job.prompt_tokens;
  --stats_.queued;
}

void Engine::prefill_in_background(std::vector<int32_t> tokens, std::string cache_namespace) {
  if (options_.prefix_cache_bytes <= 0 || tokens.empty() || std::ssize(tokens) > max_context()) return;
  for (const int32_t id : tokens)
    if (id < 0 || id >= vocab_size()) return;
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || stopping_) return;
    // The newest is the likeliest to be asked for.
    background_.push_front({std::move(tokens), std::move(cache_namespace)});
    if (std::ssize(background_) > options_.max_background) background_.pop_back();
  }
  waker_->wake();
}

GeneratorStats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool Engine::drain(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return emptied_.wait_for(lock, at_most, [&] { return open_ == 0; });
}

void Engine::stop() {
  std::call_once(stop_once_, [&] {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    waker_->wake();
    thread_.join();
  });
}

}  // namespace hadal
