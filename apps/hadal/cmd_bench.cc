// hadal bench: speed beside the machine's limits.
#include <cstdio>
#include <memory>
#include <string>

#include "base/error.h"
#include "commands.h"
#include "model_options.h"
#include "tools/bench.h"
#include "train/train_bench.h"

namespace hadal {
namespace {

struct Options {
  BenchOptions bench;
  std::string train;  // a training run's TOML file
  int64_t steps = 5;
  bool json = false;
};

void bench_training(const Options& options) {
  TrainBenchOptions bench{read_train_config(options.train), options.steps};
  if (options.bench.model.threads) bench.config.threads = chosen_threads(options.bench.model);
  const TrainBenchResult result = run_train_bench(bench);
  std::fputs((options.json ? train_bench_json(result) : train_bench_text(result)).c_str(), stdout);
}

void bench_model(const Options& options) {
  if (!options.train.empty()) return bench_training(options);
  if (options.bench.model.dir.empty())
    fail(ErrorCode::kUsage, "bench: name a MODEL, or a training run with --train CONFIG.toml");
  const BenchResult result = run_bench(options.bench);
  const std::string text = options.json ? bench_json(result) : bench_text(result);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_bench(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(
      "bench", "measure how fast a model reads and writes, or trains, beside what this machine allows");
  add_model_options(*command, options->bench.model);
  CLI::Option* const model = command->get_option("MODEL")->required(false);
  command
      ->add_option(
          "--train", options->train,
          "measure training steps of this TOML file's shape on random tokens instead; nothing is kept")
      ->excludes(model);
  const auto add = [&](const char* name, int64_t& value, int64_t least, const char* help) {
    command->add_option(name, value, help)->check(CLI::Range(least, kMaxTokens));
  };
  add("--prompt", options->bench.prompt, 1, "tokens that a run of prefill reads (default 512)");
  add("--gen", options->bench.gen, 1, "tokens that are decoded, one by one (default 64)");
  add("--ctx", options->bench.ctx, 0, "tokens before them (default 0; their state is made up at once)");
  add("--chunk", options->bench.model.chunk, 1, "tokens of a prompt that are computed at once (default 256)");
  add("--steps", options->steps, 1, "training steps that are timed (default 5)");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &run] { run = [options] { bench_model(*options); }; });
}

}  // namespace hadal
