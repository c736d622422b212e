#include "train/train_bench.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "base/json.h"
#include "ops/cpu/roof.h"
#include "tools/make_random.h"
#include "tools/memory.h"
#include "tools/random_values.h"
#include "train/initial_values.h"
#include "train/scratch_folder.h"
#include "train/stored_weights.h"
#include "train/train_costs.h"
#include "train/train_pass.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Model open_model(const TrainConfig& config) {
  if (!config.init.empty()) return Model::load(config.init, LoadMode::kRead);
  const ScratchFolder folder(
      (std::filesystem::temp_directory_path() / fmt::format("hadal-bench-{}", ::getpid())).string());
  MakeRandomOptions options;
  options.preset = config.preset;
  options.sets = config.sets;
  options.seed = config.seed;
  make_random(folder.path(), options);
  return Model::load(folder.path(), LoadMode::kRead);
}

class TrainBench {
 public:
  explicit TrainBench(const TrainBenchOptions& options)
      : config_(options.config),
        model_(open_model(config_)),
        parameters_(model_),
        optimizer_(parameters_, config_.optimizer),
        pass_(model_, parameters_, {Numerics::kFp32, chosen_isa(), config_.threads},
              config_.rows * config_.row_tokens, config_.row_tokens,
              {config_.quantise != Quantise::kNone, config_.mtp > 0}),
        pool_(config_.threads),
        roof_(chosen_isa(), config_.threads) {
    if (config_.init.empty()) initialise(parameters_, model_.config().num_hidden_layers, config_.seed);
  }

  TrainBenchResult run(int64_t steps) {
    TrainBenchResult result, first;
    step(first);  // makes room for all that a step keeps
    result.threads = config_.threads;
    const OpTimes before = pass_.times();
    optimizer_s_ = rounding_s_ = 0;
    measure_roof(result);
    for (int64_t i = 0; i < steps; ++i) {
      step(result);
      measure_roof(result);
    }
    const auto count = static_cast<double>(steps);
    result.cpu_s /= count;
    result.fma_gflop_cpu_s /= count + 1;
    for (size_t i = 0; i < kOpKindNames.size(); ++i) {
      const auto kind = static_cast<OpKind>(i);
      const OpTimes::Seconds &all = pass_.times().of(kind), &early = before.of(kind);
      result.parts.push_back(
          {kOpKindNames[i], (all.forward - early.forward) / count, (all.backward - early.backward) / count});
    }
    result.parts.push_back({"optimiser", optimizer_s_ / count, 0});
    result.parts.push_back({"rounding of weights", rounding_s_ / count, 0});
    result.rss_mb = static_cast<double>(peak_resident_bytes()) / (1 << 20);
    return result;
  }

 private:
  TrainRows random_rows() {
    TrainRows rows;
    const auto vocab = static_cast<uint64_t>(model_.config().vocab_size);
    for (int64_t i = 0; i < config_.rows * config_.row_tokens; ++i)
      rows.ids.push_back(static_cast<int32_t>(random_.bits(next_++) % vocab));
    rows.is_target.assign(rows.ids.size(), 1);
    for (int64_t row = 1; row <= config_.rows; ++row) rows.row_ends.push_back(row * config_.row_tokens);
    rows.document_ends = rows.row_ends;
    return rows;
  }

  void measure_roof(TrainBenchResult& result) {
    const double cpu = cpu_seconds();
    const Clock::time_point start = Clock::now();
    result.fma_gflops.add(roof_.fma_gflops());
    result.fma_gflop_cpu_s +=
        result.fma_gflops.back() * seconds_between(start, Clock::now()) / (cpu_seconds() - cpu);
  }

  void step(TrainBenchResult& result) {
    std::vector<TrainRows> passes;
    passes.reserve(static_cast<size_t>(config_.accumulate));
    for (int64_t i = 0; i < config_.accumulate; ++i) passes.push_back(random_rows());
    const auto per = [&](double weight, int64_t of_pass) {
      return static_cast<float>(weight / static_cast<double>(of_pass * config_.accumulate));
    };
    const TrainRows& first = passes.front();
    const auto tokens = static_cast<int64_t>(first.ids.size());
    const LossWeights weights{per(1, first.main_targets()), per(config_.mtp, first.mtp_targets()),
                              per(config_.index, tokens), per(config_.balance, config_.rows)};
    const double cpu = cpu_seconds();
    const Clock::time_point start = Clock::now();
    for (const TrainRows& rows : passes) pass_.run(rows, weights);
    const Clock::time_point passed = Clock::now();
    optimizer_.step(++number_, config_.rate, config_.adam_rate, pass_.backward(), pool_);
    const Clock::time_point moved = Clock::now();
    round_values(parameters_, config_.quantise == Quantise::kAll ? StoreMode::kFp8Fp4 : StoreMode::kBf16,
                 pool_);
    const Clock::time_point end = Clock::now();
    result.step_s.add(seconds_between(start, end));
    result.cpu_s += cpu_seconds() - cpu;
    optimizer_s_ += seconds_between(passed, moved);
    rounding_s_ += seconds_between(moved, end);
    result.tokens = tokens * config_.accumulate;
    result.flops =
        training_flops(model_, parameters_, first, config_.mtp > 0) * static_cast<double>(config_.accumulate);
  }

  const TrainConfig& config_;
  Model model_;
  Parameters parameters_;
  Optimizer optimizer_;
  TrainPass pass_;
  ThreadPool pool_;
  Roof roof_;
  const RandomValues random_{1, "bench tokens"};
  int64_t next_ = 0;
  int64_t number_ = 0;
  double optimizer_s_ = 0, rounding_s_ = 0;
};

}  // namespace

TrainBenchResult run_train_bench(const TrainBenchOptions& options) {
  return TrainBench(options).run(options.steps);
}

std::string train_bench_json(const TrainBenchResult& result) {
  JsonArray parts;
  for (const TrainBenchResult::Part& part : result.parts) {
    JsonObject object;
    object.set("name", part.name);
    object.set("forward_s", part.forward_s);
    object.set("backward_s", part.backward_s);
    parts.push_back(std::move(object));
  }
  JsonObject all;
  all.set("threads", result.threads);
  all.set("tokens", result.tokens);
  all.set("tok_s", result.tokens_s());
  all.set("step_s", spread(result.step_s));
  all.set("cpu_s", result.cpu_s);
  all.set("flops", result.flops);
  all.set("gflops", result.gflops());
  all.set("fma_gflops", spread(result.fma_gflops));
  all.set("ratio", result.ratio());
  all.set("cpu_ratio", result.cpu_ratio());
  all.set("rss_mb", result.rss_mb);
  all.set("parts", std::move(parts));
  return dump_json(all) + "\n";
}

std::string train_bench_text(const TrainBenchResult& result) {
  std::string text =
      fmt::format("training     {:>9.1f} tokens/s, {} tokens a step\n", result.tokens_s(), result.tokens);
  text += fmt::format("step         {:>9.3f} s ({:.3f} to {:.3f} in {} steps), {:.3f} s of CPU time\n",
                      result.step_s.median(), result.step_s.min(), result.step_s.max(), result.step_s.size(),
                      result.cpu_s);
  text += fmt::format(
      "model        {:>9.1f} GFLOP/s, {:.3f} of the roof (by CPU time {:.3f}), {:.1f} MFLOP a token\n",
      result.gflops(), result.ratio(), result.cpu_ratio(),
      result.flops / static_cast<double>(result.tokens) * 1e-6);
  text += fmt::format("roof fma     {:>9.1f} ({:.1f} to {:.1f}) GFLOP/s, {} threads\n",
                      result.fma_gflops.median(), result.fma_gflops.min(), result.fma_gflops.max(),
                      result.threads);
  text += fmt::format("memory       {:>9.1f} MiB at the peak\n\n", result.rss_mb);
  text += "milliseconds of a step      forward  backward\n";
  for (const TrainBenchResult::Part& part : result.parts)
    text +=
        fmt::format("  {:<24} {:>8.1f} {:>9.1f}\n", part.name, part.forward_s * 1e3, part.backward_s * 1e3);
  return text;
}

}  // namespace hadal
