// The Engine's thread: who gets a slot, what runs next, how a request ends. The passes are in
// engine_passes.cc.
#include "engine/engine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "engine/engine_job.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

// Of a prompt pass beside writers, until layers have been measured.
constexpr int64_t kFirstRowsBeside = 32;

double seconds_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

Engine::Engine(std::unique_ptr<BatchModel> model, const EngineOptions& options)
    : options_(options),
      model_(std::move(model)),
      cache_(options.prefix_cache_bytes),
      governor_(options.speculation),
      rows_beside_(std::min(kFirstRowsBeside, model_->max_rows(BatchModel::Lane::kPrompt))) {
  for (int64_t slot = model_->slots() - 1; slot >= 0; --slot) free_slots_.push_back(slot);
  stats_.cache_budget_bytes = cache_.budget_bytes();
  if (!options.disk.dir.empty() && options.prefix_cache_bytes > 0) {
    const BatchModel& sizes = *model_;
    disk_ = std::make_unique<DiskCache>(
        options.disk,
        DiskCache::Sizes{
            [&sizes](int64_t first, int64_t end) { return sizes.block_bytes(first, end); },
            [&sizes](int64_t length, int64_t rollback) { return sizes.tail_bytes(length, rollback); }});
    stats_.disk_cache_budget_bytes = options.disk.budget_bytes;
  }
  thread_ = std::thread([this] { loop(); });
}

Engine::~Engine() { stop(); }

void Engine::loop() {
  while (!stopping_) {
    take_arrivals();
    if (disk_) take_loaded();
    end_those_over();
    admit();
    const auto reads = [](const JobPtr& job) { return !job->writing && !job->loading; };
    const auto writes = [](const JobPtr& job) { return job->writing && !job->stream->is_full(); };
    if (std::any_of(jobs_.begin(), jobs_.end(), reads))
      read_prompts();
    else if (std::any_of(jobs_.begin(), jobs_.end(), writes))
      decode(false);
    else if (jobs_.empty() && read_background())
      continue;
    else
      waker_->sleep_until(next_deadline());
  }
  take_arrivals();
  while (!queue_.empty()) {
    const JobPtr job = std::move(queue_.front());
    queue_.pop_front();
    finish(*job, FinishReason::kStopping);
  }
  for (const JobPtr& job : jobs_)
    if (!job->done) finish(*job, FinishReason::kStopping);
  jobs_.clear();
}

void Engine::take_arrivals() {
  const std::lock_guard lock(mutex_);
  for (JobPtr& job : arrived_) {
    share_.open(job->request.fairness_key);
    queue_.push_back(std::move(job));
  }
  arrived_.clear();
  arrivals_ = 0;
  const EngramStats engram = model_->engram_stats();
  stats_.engram_rows = engram.rows;
  stats_.engram_hits = engram.hits;
}

void Engine::end_those_over() {
  const Time now = Clock::now();
  for (const JobPtr& job : queue_) {
    if (job->is_over(now))
      finish(*job, job->why_over());
    else if (now >= job->request.queue_deadline)
      finish(*job, FinishReason::kQueueDeadline);
  }
  std::erase_if(queue_, [](const JobPtr& job) { return job->done; });
  for (const JobPtr& job : jobs_)
    if (!job->done && job->is_over(now)) finish(*job, job->why_over());
  jobs_.remove_if([](const JobPtr& job) { return job->done; });
}

void Engine::admit() {
  while (!free_slots_.empty() && !queue_.empty()) {
    const auto rank = [&](const JobPtr& job) {
      const std::string& key = job->request.fairness_key;
      return std::tuple(share_.running(key), share_.used(key));
    };
    // The first in order of arrival among equals.
    const auto next = std::min_element(queue_.begin(), queue_.end(),
                                       [&](const JobPtr& a, const JobPtr& b) { return rank(a) < rank(b); });
    JobPtr job = std::move(*next);
    queue_.erase(next);
    jobs_.push_back(std::move(job));
    start(*jobs_.back());
  }
}

void Engine::start(Job& job) {
  job.number = ++jobs_started_;
  job.slot = free_slots_.back();
  free_slots_.pop_back();
  job.admitted = Clock::now();
  job.usage.queue_seconds = seconds_between(job.submitted, job.admitted);
  ++share_.running(job.request.fairness_key);
  const GenerationRequest& request = job.request;
  job.generation =
      std::make_unique<Generation>(GenerationOptions{.max_new_tokens = request.max_new_tokens,
                                                     .stop_tokens = request.stop_tokens,
                                                     .sampling = request.sampling,
                                                     .top_logprobs = request.top_logprobs,
                                                     .constraint = request.constraint,
                                                     .constrained_after = request.constrained_after},
                                   vocab_size(), max_context());
  // The last token of the prompt is always fed: its logits are needed.
  if (job.uses_cache())
    job.kept = job.usage.cached_tokens =
        load_prefix(request.cache_namespace, job.tokens, job.prompt_tokens - 1, job.slot);
  {
    const std::lock_guard lock(mutex_);
    leave_queue(job);
    ++stats_.running;
    stats_.cached_tokens += job.usage.cached_tokens;
  }
  job.stream->push(PromptProgress{job.usage.cached_tokens, job.prompt_tokens, job.usage.cached_tokens});
  if (disk_ && job.uses_cache()) load_from_disk(job);
}

// Puts the longest known prefix, of at most max_length tokens, into the slot; returns its length.
int64_t Engine::load_prefix(const std::string& space, std::span<const int32_t> tokens, int64_t max_length,
                            int64_t slot) {
  const auto [node, usable] = cache_.find(space, tokens, max_length);
  if (node == nullptr) {
    model_->clear(slot);
    return 0;
  }
  cache_.touch(*node);
  StateParts parts{node->end, {}, node->tail.data, node->rollback};
  for (const PrefixCache::Node* at : PrefixCache::path(node)) parts.blocks.push_back(at->block.data);
  load(slot, parts, usable);
  return usable;
}

void Engine::load(int64_t slot, const StateParts& parts, int64_t usable) {
  model_->load(slot, parts);
  if (usable < parts.length) model_->truncate(slot, usable);
}

// A border between blocks that the slot's tokens have reached since `kept`.
void Engine::keep_border(const std::string& space, std::span<const int32_t> tokens, int64_t slot,
                         int64_t& kept) {
  const int64_t border = model_->length(slot) / kBlockTokens * kBlockTokens;
  if (border <= kept || !model_->has_tail(slot, border, 0)) return;
  kept = border;
  keep(space, tokens.first(static_cast<size_t>(border)), slot, 0);
}

// The end of what the slot holds, with as many tokens to take back as there can be.
void Engine::keep_end(const std::string& space, std::span<const int32_t> tokens, int64_t slot) {
  const int64_t length = model_->length(slot);
  for (int64_t rollback = kMaxRollback; rollback >= 0; --rollback)
    if (model_->has_tail(slot, length, rollback))
      return keep(space, tokens.first(static_cast<size_t>(length)), slot, rollback);
}

void Engine::keep(const std::string& space, std::span<const int32_t> tokens, int64_t slot, int64_t rollback) {
  if (tokens.empty() || cache_.budget_bytes() <= 0 || cache_.has(space, tokens, rollback)) return;
  const auto part = [](StatePart bytes) { return RamPart{std::make_shared<StatePart>(std::move(bytes))}; };
  cache_.insert(space, tokens, part(model_->save_tail(slot, std::ssize(tokens), rollback)), rollback,
                [&](int64_t first, int64_t end) { return part(model_->save_block(slot, first, end)); });
  const std::lock_guard lock(mutex_);
  stats_.cache_bytes = cache_.bytes();
}

// What the RAM holds of the end of `tokens`, and some of the borders on the way there: what a new text may
// share with this one.
void Engine::save_to_disk(const std::string& space, Tokens tokens) {
  constexpr int64_t kBorderEvery = 8 * kBlockTokens;
  const auto length = static_cast<int64_t>(tokens.size());
  if (!disk_) return;
  const auto [node, usable] = cache_.find(space, tokens, length);
  if (node == nullptr || node->end != length) return;
  DiskCache::Save save{space, {tokens.begin(), tokens.end()}, {}, {}};
  const int64_t last_border = length / kBlockTokens * kBlockTokens;
  for (const PrefixCache::Node* at : PrefixCache::path(node)) {
    save.blocks.push_back(at->block);
    if (at->has_tail && (at == node || at->end == last_border || at->end % kBorderEvery == 0))
      save.tails.push_back({at->end, at->rollback, at->tail});
  }
  disk_->save(std::move(save));
}

// The job waits, and the others do not.
void Engine::load_from_disk(Job& job) {
  const int64_t most = job.prompt_tokens - 1;
  if (disk_->known_length(job.request.cache_namespace, job.tokens, most) <= job.usage.cached_tokens) return;
  job.loading = true;
  disk_->load(job.request.cache_namespace, job.tokens, most,
              [this, number = job.number](DiskCache::Loaded loaded) {
                {
                  const std::lock_guard lock(mutex_);
                  loaded_.push_back({number, std::move(loaded)});
                }
                waker_->wake();
              });
}

void Engine::take_loaded() {
  std::vector<LoadedPrefix> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(loaded_);
    stats_.disk_cache_bytes = disk_->bytes();
    stats_.disk_bytes_written = disk_->bytes_written();
  }
  for (const auto& [number, loaded] : arrived) {
    const auto at = std::find_if(jobs_.begin(), jobs_.end(), [&, wanted = number](const JobPtr& job) {
      return job->number == wanted && !job->done;
    });
    if (at == jobs_.end()) continue;  // it did not wait
    Job& job = **at;
    job.loading = false;
    if (loaded.usable <= job.usage.cached_tokens) continue;
    const StateParts& parts = loaded.parts;
    load(job.slot, parts, loaded.usable);
    if (loaded.usable == parts.length)
      cache_.insert(job.request.cache_namespace, Tokens(job.tokens).first(static_cast<size_t>(parts.length)),
                    {parts.tail}, parts.rollback, [&](int64_t first, int64_t) {
                      return RamPart{parts.blocks[static_cast<size_t>(first / kBlockTokens)]};
                    });
    const std::lock_guard lock(mutex_);
    stats_.cached_tokens += loaded.usable - job.usage.cached_tokens;
    job.kept = job.usage.cached_tokens = loaded.usable;
    job.stream->push(PromptProgress{loaded.usable, job.prompt_tokens, loaded.usable});
  }
}

void Engine::finish(Job& job, FinishReason reason, std::string error) {
  CHECK(!job.done);
  job.done = true;
  const Time now = Clock::now();
  const std::string& key = job.request.fairness_key;
  const bool had_slot = job.slot >= 0;
  if (had_slot) {
    if (job.uses_cache() && reason != FinishReason::kFailed) {
      keep_end(job.request.cache_namespace, job.tokens, job.slot);
      save_to_disk(job.request.cache_namespace,
                   Tokens(job.tokens).first(static_cast<size_t>(model_->length(job.slot))));
    }
    model_->clear(job.slot);
    free_slots_.push_back(job.slot);
    --share_.running(key);
    job.usage.new_tokens = job.generation->new_tokens();
    if (job.writing)
      job.usage.generate_seconds = seconds_between(job.first_token, now);
    else
      job.usage.prompt_seconds = seconds_between(job.admitted, now);
  } else {
    job.usage.queue_seconds = seconds_between(job.submitted, now);
  }
  job.usage.prompt_tokens = job.prompt_tokens;
  share_.close(key);
  {
    const std::lock_guard lock(mutex_);
    if (had_slot) {
      --stats_.running;
      constexpr double kMemory = 0.1;
      service_seconds_ += kMemory * (seconds_between(job.admitted, now) - service_seconds_);
    } else {
      leave_queue(job);
    }
    ++stats_.finished_requests;
  }
  job.stream->push(Finished{reason, job.usage, std::move(error)});
  job.stream->on_room({});
  const std::lock_guard lock(mutex_);
  if (--open_ == 0) emptied_.notify_all();
}

Engine::Time Engine::next_deadline() const {
  Time next = Time::max();
  for (const JobPtr& job : queue_)
    next = std::min({next, job->request.deadline, job->request.queue_deadline});
  for (const JobPtr& job : jobs_) next = std::min(next, job->request.deadline);
  return next;
}

}  // namespace hadal
