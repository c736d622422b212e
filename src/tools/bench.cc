#include "tools/bench.h"

#include <algorithm>
#include <chrono>
#include <span>

#include "base/error.h"
#include "base/log.h"
#include "model/forward.h"
#include "ops/cpu/roof.h"
#include "tools/bench_state.h"
#include "tools/costs.h"
#include "tools/first_token.h"
#include "tools/memory.h"
#include "tools/plan.h"
#include "tools/random_values.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMinRuns = 3;             // of prefill
constexpr int kMaxRuns = 9;             // of prefill
constexpr double kPrefillSeconds = 20;  // after which no further run begins
constexpr int64_t kDecodeRuns = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The tensors of the largest file, one after another: what the bandwidth is measured on.
std::span<const std::byte> largest_file(const Checkpoint& checkpoint) {
  std::span<const std::byte> largest;
  const Safetensors* last = nullptr;
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    if (place.file == last) continue;
    last = place.file;
    const auto& tensors = place.file->tensors();
    const std::byte* const begin = tensors.front().tensor.bytes.data();
    const std::byte* const end = tensors.back().tensor.bytes.data() + tensors.back().tensor.bytes.size();
    if (static_cast<size_t>(end - begin) > largest.size()) largest = {begin, end};
  }
  return largest;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : options_(options),
        loaded_(load_model(options.model)),
        costs_(loaded_.model.checkpoint()),
        roof_(chosen_isa(), chosen_threads(options.model)),
        memory_(largest_file(loaded_.model.checkpoint())),
        workspace_(loaded_.model, std::min(options.model.chunk, options.prompt), 1),
        state_(config(), loaded_.ops->entry_format(), tokens_needed(options), 0),
        near_state_(config(), loaded_.ops->entry_format(), options.ctx > 0 ? options.gen + 1 : 0, 0) {
    result_.threads = chosen_threads(options.model);
  }

  static int64_t tokens_needed(const BenchOptions& options) {
    return std::max(options.prompt, options.ctx + options.gen + 1);
  }

  BenchResult run() {
    touch_everything();
    prefill();
    decode();
    return std::move(result_);
  }

 private:
  const ModelConfig& config() const { return loaded_.model.config(); }

  std::vector<int32_t> random_ids(int64_t count) {
    std::vector<int32_t> ids(static_cast<size_t>(count));
    for (int32_t& id : ids)
      id = static_cast<int32_t>(random_.bits(next_++) % static_cast<uint64_t>(config().vocab_size));
    return ids;
  }
  void feed(SequenceState& state, std::span<const int32_t> ids, int64_t logit_rows) {
    const Slice slice{&state, ids, logit_rows};
    forward(loaded_.model, {&slice, 1}, workspace_, *loaded_.ops);
  }
  // -> tokens/s
  double time_decode(SequenceState& state, std::span<const int32_t> ids) {
    const auto start = Clock::now();
    for (const int32_t& id : ids) feed(state, {&id, 1}, 1);
    return static_cast<double>(ids.size()) / seconds_since(start);
  }
  void measure_roof() {
    result_.read_gb_s.add(roof_.read_gb_s(memory_));
    result_.fma_gflops.add(roof_.fma_gflops());
  }

  // Pages that were never touched would be counted as slow weights.
  void touch_everything() {
    unsigned sum = 0;
    for (const Checkpoint::Place& place : loaded_.model.checkpoint().tensors()) {
      const auto& bytes = place.tensor->tensor.bytes;
      for (size_t at = 0; at < bytes.size(); at += 4096) sum += static_cast<unsigned>(bytes[at]);
    }
    log_debug("touched all weights ({})", sum);
  }

  void prefill() {
    result_.prefill_tokens = options_.prompt;
    result_.prefill_flops = costs_.prefill_flops(0, options_.prompt);
    const std::vector<int32_t> ids = random_ids(options_.prompt);
    const auto begin = Clock::now();
    for (int run = 0; run < kMinRuns || (run < kMaxRuns && seconds_since(begin) < kPrefillSeconds); ++run) {
      measure_roof();
      state_.truncate(0);
      const auto start = Clock::now();
      for (int64_t first = 0; first < options_.prompt; first += workspace_.max_rows()) {
        const int64_t count = std::min(workspace_.max_rows(), options_.prompt - first);
        feed(state_, std::span(ids).subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
             first + count == options_.prompt ? 1 : 0);
      }
      result_.prefill_tok_s.add(static_cast<double>(options_.prompt) / seconds_since(start));
    }
    state_.truncate(0);
  }

  void decode() {
    result_.ctx = options_.ctx;
    result_.decode_tokens = options_.gen;
    result_.bytes_per_token =
        costs_.decode_bytes(options_.ctx + options_.gen / 2, loaded_.ops->entry_format());
    fill_state(state_, config(), options_.ctx, *loaded_.ops);
    const bool compare = options_.ctx > 0;
    feed(state_, random_ids(1), 1);  // not counted
    if (compare) feed(near_state_, random_ids(1), 1);
    const int64_t runs = std::min(kDecodeRuns, options_.gen);
    for (int64_t run = 0; run < runs; ++run) {
      measure_roof();
      const int64_t count = options_.gen * (run + 1) / runs - options_.gen * run / runs;
      const std::vector<int32_t> ids = random_ids(count);
      result_.decode_tok_s.add(time_decode(state_, ids));
      if (compare) result_.decode_of_empty.add(result_.decode_tok_s.back() / time_decode(near_state_, ids));
    }
    measure_roof();
    result_.engram = loaded_.model.engram_stats();
  }

  const BenchOptions& options_;
  const LoadedModel loaded_;
  const Costs costs_;
  Roof roof_;
  const std::span<const std::byte> memory_;
  Workspace workspace_;
  SequenceState state_;
  SequenceState near_state_;  // of decode without --ctx, timed beside it
  const RandomValues random_{1, "bench tokens"};
  int64_t next_ = 0;
  BenchResult result_;
};

}  // namespace

double Samples::median() const {
  std::vector<double> sorted = values_;
  std::ranges::sort(sorted);
  if (sorted.empty()) return 0;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Samples::min() const { return values_.empty() ? 0 : *std::ranges::min_element(values_); }
double Samples::max() const { return values_.empty() ? 0 : *std::ranges::max_element(values_); }

BenchResult run_bench(const BenchOptions& options) {
  ModelOptions model = options.model;
  model.speculate = Speculation::kOff;
  require_fits(
      plan_memory(Checkpoint::open(model.dir, LoadMode::kMmap), model, Bench::tokens_needed(options), 0));
  BenchResult result = Bench(options).run();
  result.rss_mb = static_cast<double>(peak_resident_bytes()) / (1 << 20);
  result.first_token_s = first_token_seconds(options.model);
  return result;
}

}  // namespace hadal
