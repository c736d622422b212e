// Engine: the Generator of a model. One thread of its own owns the model's states and runs every pass.
//
// All sequences that write are advanced together in one decode pass. Prompts are read in passes of their own,
// a few rows of a few prompts at a time, and decode passes come in between their layers as soon as the
// writers have waited long enough: so a prompt costs the others no more than a bounded delay, and itself no
// efficiency. Measured times decide how many rows go into a pass and what runs when, never a bit of any
// result: a row's result depends on its own sequence only.
//
// What is asked for while all slots are taken waits in a bounded queue; slots go to the key that holds the
// fewest, then to the one that has had the least.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/batch_model.h"
#include "engine/disk_cache.h"
#include "engine/fair_share.h"
#include "engine/generation.h"
#include "engine/generator.h"
#include "engine/prefix_tree.h"
#include "engine/speculation.h"
#include "engine/waker.h"

namespace hadal {

struct EngineOptions {
  int64_t max_queued = 128;                       // requests
  int64_t max_queued_tokens = int64_t{16} << 20;  // of their prompts
  int64_t max_background = 64;                    // texts to read in idle time
  int64_t prefix_cache_bytes = 0;                 // in RAM; 0: no cache at all
  DiskCacheOptions disk = {};
  size_t stream_events = 512;  // unread ones, before a sequence waits for its reader
  Speculation speculation = Speculation::kAuto;
};

class Engine final : public Generator {
 public:
  Engine(std::unique_ptr<BatchModel> model, const EngineOptions& options);
  ~Engine() override;

  int64_t vocab_size() const override { return model_->vocab_size(); }
  int64_t max_context() const override { return model_->max_tokens(); }
  Submission submit(GenerationRequest request) override;
  void prefill_in_background(std::vector<int32_t> tokens, std::string cache_namespace) override;
  GeneratorStats stats() const override;
  bool drain(std::chrono::milliseconds at_most) override;
  void stop() override;

 private:
  using Time = GenerationRequest::Time;
  struct Job;
  struct BackgroundText {
    std::vector<int32_t> tokens;
    std::string space;
  };
  struct LoadedPrefix {
    int64_t job = 0;  // its number
    DiskCache::Loaded loaded;
  };
  using JobPtr = std::unique_ptr<Job>;

  // Any thread (engine_intake.cc).
  std::optional<Refusal> invalid(const GenerationRequest& request) const;
  std::optional<Refusal> no_room(const Job& job);
  void leave_queue(const Job& job);

  // The engine's thread only (engine.cc).
  void loop();
  void take_arrivals();
  void end_those_over();
  void admit();
  void start(Job& job);
  void finish(Job& job, FinishReason reason, std::string error = {});
  Time next_deadline() const;
  using Tokens = std::span<const int32_t>;
  int64_t load_prefix(const std::string& space, Tokens tokens, int64_t max_length, int64_t slot);
  void load(int64_t slot, const StateParts& parts, int64_t usable);
  void keep_border(const std::string& space, Tokens tokens, int64_t slot, int64_t& kept);
  void keep_end(const std::string& space, Tokens tokens, int64_t slot);
  void keep(const std::string& space, Tokens tokens, int64_t slot, int64_t rollback);

  void save_to_disk(const std::string& space, Tokens tokens);
  void load_from_disk(Job& job);
  void take_loaded();

  // Passes (engine_passes.cc).
  struct Reading {
    Job* job = nullptr;
    int64_t rows = 0;
    int64_t logit_rows = 0;
  };
  void read_prompts();
  std::vector<Reading> next_readings(bool others_write);
  bool between_layers(std::span<const Reading> readings);
  void adapt_rows(int64_t rows);
  void after_reading(const Reading& reading, ConstMat logits);
  void push_prompt_logprobs(Job& job, int64_t first, ConstMat logits);
  bool give_out(Job& job, const GeneratedToken& token);
  void decode(bool in_between);
  struct Rows {
    std::vector<int32_t> ids;  // the last token, and drafts of those after it
    bool drafted = false;      // even where the drafter was not sure of any
  };
  Rows rows_for(Job& job, bool may_draft);
  int64_t after_decode(Job& job, std::span<const int32_t> rows, ConstMat logits);
  bool read_background();

  const EngineOptions options_;
  std::unique_ptr<BatchModel> model_;
  const std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::deque<JobPtr> arrived_;
  std::deque<BackgroundText> background_;
  std::vector<LoadedPrefix> loaded_;
  std::map<std::string, int64_t> queued_of_;  // key -> requests waiting
  int64_t queued_tokens_ = 0;
  int64_t open_ = 0;  // requests that have not finished
  GeneratorStats stats_;
  double service_seconds_ = 1;  // of a request in a slot, a running mean
  bool draining_ = false;

  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> arrivals_{0};  // in arrived_, to be asked between layers

  // The engine's thread's own.
  PrefixCache cache_;
  std::deque<JobPtr> queue_;  // in order of arrival
  std::list<JobPtr> jobs_;    // with a slot, in order of admission
  std::vector<int64_t> free_slots_;
  FairShare share_;
  SpeculationGovernor governor_;
  int64_t jobs_started_ = 0;
  int64_t rows_beside_;        // of a prompt pass beside which others decode
  double decode_seconds_ = 0;  // of a decode pass, a running mean; 0 = not known
  Time last_decode_{};         // its end
  double layer_seconds_ = 0;   // of a layer of the present prompt pass, the longest yet
  int64_t layers_ = 0;         // of it that have begun
  Time layer_start_{};

  std::unique_ptr<DiskCache> disk_;  // null: none
  std::once_flag stop_once_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace hadal
