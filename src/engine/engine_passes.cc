// The Engine's passes: prompts, with decode passes between their layers; decode; idle reading.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/engine_job.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;
using Lane = BatchModel::Lane;

// Writers wait at most for this many times their own pass between two of them, so that the time between two
// tokens stays below three passes.
constexpr double kMostWaited = 1.5;
// A layer of a prompt pass should take this part of a decode pass.
constexpr double kLongestLayer = 0.8;
constexpr double kWantedLayer = 0.5;
constexpr double kShortestLayer = 0.3;
constexpr int64_t kFewestRows = 8;
constexpr double kMemory = 0.1;  // of running means

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

// --- prompts ---

void Engine::read_prompts() {
  const auto is_open = [](const JobPtr& job) { return job->writing && !job->done; };
  const bool others_write = std::any_of(jobs_.begin(), jobs_.end(), is_open);
  const std::vector<Reading> readings = next_readings(others_write);
  if (readings.empty()) {  // all wait for their readers
    if (others_write)
      decode(false);
    else
      waker_->sleep_until(next_deadline());
    return;
  }
  std::vector<BatchModel::Piece> pieces;
  pieces.reserve(readings.size());
  int64_t rows = 0;
  for (const Reading& r : readings) {
    const std::span<const int32_t> unread =
        Tokens(r.job->tokens).subspan(static_cast<size_t>(model_->length(r.job->slot)));
    pieces.push_back({r.job->slot, unread.first(static_cast<size_t>(r.rows)), r.logit_rows});
    rows += r.rows;
  }
  try {
    layer_start_ = Clock::now();
    layer_seconds_ = 0;
    layers_ = 0;
    const std::optional<ConstMat> logits =
        model_->run(Lane::kPrompt, pieces, [&] { return between_layers(readings); });
    if (others_write && logits) adapt_rows(rows);
    int64_t row = 0;
    for (const Reading& r : readings) {
      if (!logits) {  // all of them are over, or the engine stops
        if (!stopping_) finish(*r.job, r.job->why_over());
        continue;
      }
      after_reading(r, logits->slice(row, r.logit_rows));
      row += r.logit_rows;
    }
  } catch (const std::exception& error) {
    for (const Reading& r : readings)
      if (!r.job->done) finish(*r.job, FinishReason::kFailed, error.what());
  }
}

// Who reads how much in the next pass: those that have had the least come first.
std::vector<Engine::Reading> Engine::next_readings(bool others_write) {
  std::vector<Job*> waiting;
  for (const JobPtr& job : jobs_)
    if (!job->writing && !job->loading && !job->stream->is_full()) waiting.push_back(job.get());
  std::stable_sort(waiting.begin(), waiting.end(), [&](const Job* a, const Job* b) {
    return share_.used(a->request.fairness_key) < share_.used(b->request.fairness_key);
  });
  std::vector<Reading> readings;
  int64_t rows_left = others_write ? rows_beside_ : model_->max_rows(Lane::kPrompt);
  // Every prompt may end in this pass.
  int64_t logits_left = model_->max_logit_rows(Lane::kPrompt) - model_->slots();
  for (Job* job : waiting) {
    const int64_t length = model_->length(job->slot);
    int64_t rows = std::min(rows_left, job->prompt_tokens - length);
    if (job->request.prompt_logprobs)
      rows = std::min(rows, logits_left);
    else if (cache_.budget_bytes() > 0)
      rows = std::min(rows, kBlockTokens - length % kBlockTokens);
    if (rows == 0) continue;
    const bool ends = length + rows == job->prompt_tokens;
    readings.push_back({job, rows, job->request.prompt_logprobs ? rows : ends ? 1 : 0});
    rows_left -= rows;
    if (job->request.prompt_logprobs) logits_left -= rows;
  }
  return readings;
}

// Before every layer of a prompt pass: lets the writers write when it is time; false ends the pass.
bool Engine::between_layers(std::span<const Reading> readings) {
  if (stopping_) return false;
  const Time now = Clock::now();
  const double layer = std::chrono::duration<double>(now - layer_start_).count();
  if (layers_++ > 0) layer_seconds_ = std::max(layer_seconds_, layer);
  const bool any_wanted =
      std::any_of(readings.begin(), readings.end(), [&](const Reading& r) { return !r.job->is_over(now); });
  if (!any_wanted) return false;
  const double waited = std::chrono::duration<double>(now - last_decode_).count();
  if (waited + layer_seconds_ > kMostWaited * decode_seconds_) decode(true);
  layer_start_ = Clock::now();
  return true;
}

// Takes fewer rows where a layer takes too long for the writers to wait.
void Engine::adapt_rows(int64_t rows) {
  if (decode_seconds_ == 0 || layers_ < 2) return;
  const double part = layer_seconds_ / decode_seconds_;
  const int64_t most = model_->max_rows(Lane::kPrompt);
  if (part > kLongestLayer) {
    const auto fitting = static_cast<int64_t>(static_cast<double>(rows) * kWantedLayer / part);
    rows_beside_ = std::clamp(fitting, std::min(kFewestRows, most), rows_beside_);
  }
  // A pass that had fewer rows to read says nothing about more of them.
  if (part < kShortestLayer && rows == rows_beside_) rows_beside_ = std::min(most, rows_beside_ * 2);
}

void Engine::after_reading(const Reading& reading, ConstMat logits) {
  Job& job = *reading.job;
  const int64_t length = model_->length(job.slot);
  share_.charge(job.request.fairness_key, reading.rows);
  if (job.request.prompt_logprobs) push_prompt_logprobs(job, length - reading.rows, logits);
  job.stream->push(PromptProgress{length, job.prompt_tokens, job.usage.cached_tokens});
  if (job.uses_cache()) keep_border(job.request.cache_namespace, job.tokens, job.slot, job.kept);
  if (length < job.prompt_tokens) return;

  job.first_token = Clock::now();
  job.usage.prompt_seconds = std::chrono::duration<double>(job.first_token - job.admitted).count();
  job.writing = true;
  if (job.generation->finished()) return finish(job, job.generation->reason());
  if (job.uses_cache()) keep_end(job.request.cache_namespace, job.tokens, job.slot);
  try {
    job.generation->start(job.tokens);
    job.generation->give({logits.row(logits.rows - 1), static_cast<size_t>(logits.cols)}, length,
                         [&](const GeneratedToken& token) { return give_out(job, token); });
  } catch (const std::exception& error) {
    return finish(job, FinishReason::kFailed, error.what());
  }
  if (job.generation->finished()) finish(job, job.generation->reason());
}

// Row i of the logits is that of the prompt's token first + i, and says how likely the one after it was.
void Engine::push_prompt_logprobs(Job& job, int64_t first, ConstMat logits) {
  if (first == 0) job.stream->push(PromptToken{job.tokens[0], 0, {}});
  for (int64_t row = 0; row < logits.rows && first + row + 1 < job.prompt_tokens; ++row) {
    const int64_t position = first + row + 1;
    const int32_t id = job.tokens[static_cast<size_t>(position)];
    job.stream->push(PromptToken{id, position,
                                 logprobs_of({logits.row(row), static_cast<size_t>(logits.cols)}, id,
                                             job.request.prompt_logprobs.value_or(0))});
  }
}

// --- replies ---

bool Engine::give_out(Job& job, const GeneratedToken& token) {
  job.tokens.push_back(token.id);
  job.stream->push(token);
  return true;
}

// One pass over all that write. `in_between`: the layers of a prompt pass.
void Engine::decode(bool in_between) {
  const Time now = Clock::now();
  std::vector<Job*> writers;
  for (const JobPtr& job : jobs_)
    if (job->writing && !job->done && !job->stream->is_full() && !job->is_over(now))
      writers.push_back(job.get());
  if (writers.empty()) return;

  const bool alone = writers.size() == 1 && !in_between;
  std::vector<Rows> rows;
  std::vector<BatchModel::Piece> pieces;
  try {
    for (Job* job : writers) rows.push_back(rows_for(*job, alone));
    pieces.reserve(writers.size());
    for (size_t i = 0; i < writers.size(); ++i)
      pieces.push_back({writers[i]->slot, rows[i].ids, std::ssize(rows[i].ids)});
    const std::optional<ConstMat> logits = model_->run(Lane::kDecode, pieces, [&] {
      const Time then = Clock::now();
      return !stopping_ &&
             std::any_of(writers.begin(), writers.end(), [&](const Job* job) { return !job->is_over(then); });
    });
    if (!logits) return;  // whoever is over is ended by the loop
    int64_t row = 0;
    int64_t given = 0;
    for (size_t i = 0; i < writers.size(); ++i) {
      const int64_t count = std::ssize(rows[i].ids);
      given += after_decode(*writers[i], rows[i].ids, logits->slice(row, count));
      row += count;
    }
    const double seconds = seconds_since(now);
    decode_seconds_ =
        decode_seconds_ == 0 ? seconds : decode_seconds_ + kMemory * (seconds - decode_seconds_);
    if (alone) governor_.record(rows[0].drafted, given, seconds);
  } catch (const std::exception& error) {
    for (Job* job : writers)
      if (!job->done) finish(*job, FinishReason::kFailed, error.what());
  }
  last_decode_ = Clock::now();
}

Engine::Rows Engine::rows_for(Job& job, bool may_draft) {
  Rows rows{{job.generation->last()}};
  const int64_t drafts = std::min({may_draft && governor_.wants_drafts() ? model_->max_drafts() : 0,
                                   model_->max_rows(Lane::kDecode) - 1, job.generation->tokens_left() - 1,
                                   model_->max_tokens() - model_->length(job.slot) - 1});
  if (drafts <= 0) return rows;
  const auto draw = [&](std::span<const float> logits, int64_t position) {
    return job.generation->draft(logits, position);
  };
  const std::vector<int32_t> drafted = model_->draft(job.slot, rows.ids[0], drafts, draw);
  rows.ids.insert(rows.ids.end(), drafted.begin(), drafted.end());
  rows.drafted = true;
  return rows;
}

// Returns how many tokens were given out.
int64_t Engine::after_decode(Job& job, std::span<const int32_t> rows, ConstMat logits) {
  const int64_t position = model_->length(job.slot) - std::ssize(rows);
  int64_t given = 0;
  try {
    given = job.generation->take(rows, logits, position,
                                 [&](const GeneratedToken& token) { return give_out(job, token); });
  } catch (const std::exception& error) {
    finish(job, FinishReason::kFailed, error.what());
    return 0;
  }
  job.usage.drafted_tokens += std::ssize(rows) - 1;
  job.usage.accepted_tokens += given - 1;
  if (given < std::ssize(rows)) model_->truncate(job.slot, position + given);
  share_.charge(job.request.fairness_key, given);
  {
    const std::lock_guard lock(mutex_);
    stats_.new_tokens += given;
  }
  if (job.uses_cache()) keep_border(job.request.cache_namespace, job.tokens, job.slot, job.kept);
  if (job.generation->finished()) finish(job, job.generation->reason());
  return given;
}

// --- idle time ---

// Reads on in the newest of the texts that wait for idle time; false if there is none. Stops within one layer
// when a request comes; what was read up to the last border is in the cache then.
bool Engine::read_background() {
  BackgroundText text;
  {
    const std::lock_guard lock(mutex_);
    if (background_.empty()) return false;
    text = std::move(background_.front());
    background_.pop_front();
  }
  const int64_t slot = free_slots_.back();
  const std::span<const int32_t> tokens = text.tokens;
  const auto count = std::ssize(tokens);
  bool stopped = false;
  try {
    int64_t length = load_prefix(text.space, tokens, count, slot);
    int64_t kept = length;
    while (length < count && !stopped) {
      const int64_t rows =
          std::min({count - length, kBlockTokens - length % kBlockTokens, model_->max_rows(Lane::kPrompt)});
      const BatchModel::Piece piece{
          slot, tokens.subspan(static_cast<size_t>(length), static_cast<size_t>(rows)), 0};
      stopped = !model_->run(Lane::kPrompt, {&piece, 1}, [&] { return !stopping_ && arrivals_ == 0; });
      if (stopped) break;
      length += rows;
      keep_border(text.space, tokens, slot, kept);
      const std::lock_guard lock(mutex_);
      stats_.background_tokens += rows;
    }
    if (!stopped) {
      keep_end(text.space, tokens, slot);
      save_to_disk(text.space, tokens);
    }
  } catch (const std::exception& error) {
    log_warning("reading ahead has failed: {}", error.what());
  }
  model_->clear(slot);
  if (stopped) {
    const std::lock_guard lock(mutex_);
    background_.push_front(std::move(text));
  }
  return true;
}

}  // namespace hadal
