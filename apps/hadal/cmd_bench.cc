// hadal bench: speed beside the machine's limits.
#include <cstdio>
#include <memory>

#include "commands.h"
#include "model_options.h"
#include "tools/bench.h"

namespace hadal {
namespace {

struct Options {
  BenchOptions bench;
  bool json = false;
};

void bench_model(const Options& options) {
  const BenchResult result = run_bench(options.bench);
  const std::string text = options.json ? bench_json(result) : bench_text(result);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

void add_bench(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(
      "bench", "measure how fast a model reads and writes, beside what this machine allows");
  add_model_options(*command, options->bench.model);
  const auto add = [&](const char* name, int64_t& value, int64_t least, const char* help) {
    command->add_option(name, value, help)->check(CLI::Range(least, kMaxTokens));
  };
  add("--prompt", options->bench.prompt, 1, "tokens that a run of prefill reads (default 512)");
  add("--gen", options->bench.gen, 1, "tokens that are decoded, one by one (default 64)");
  add("--ctx", options->bench.ctx, 0, "tokens before them (default 0; their state is made up at once)");
  add("--chunk", options->bench.model.chunk, 1, "tokens of a prompt that are computed at once (default 256)");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &run] { run = [options] { bench_model(*options); }; });
}

}  // namespace hadal
