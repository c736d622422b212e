// hadal make-random: a random checkpoint for tests and timings.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "base/log.h"
#include "choice.h"
#include "commands.h"
#include "tools/make_random.h"

namespace hadal {
namespace {

struct Options {
  std::string dir;
  MakeRandomOptions make;
  bool json = false;
};

void write_checkpoint(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const MakeRandomResult made = make_random(options.dir, options.make);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (options.json) {
    fmt::print("{{\"tensors\": {}, \"parameters\": {}, \"tensor_bytes\": {}, \"files\": {}}}\n", made.tensors,
               made.parameters, made.tensor_bytes, made.files);
  }
  log_info("{}: {} tensors, {:.3f} billion parameters, {:.3f} GB in {} file{}, {:.1f} s", options.dir,
           made.tensors, static_cast<double>(made.parameters) * 1e-9,
           static_cast<double>(made.tensor_bytes) * 1e-9, made.files, made.files == 1 ? "" : "s",
           seconds.count());
}

}  // namespace

void add_make_random(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  options->make.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App* const command =
      app.add_subcommand("make-random", "write a checkpoint with random weights in the official layout");
  command->add_option("DIR", options->dir, "the folder to write, made if it does not exist")->required();
  command->add_option("--preset", options->make.preset, "which sizes to begin with (default tiny)")
      ->type_name(fmt::format("{}", fmt::join(random_presets(), "|")));
  command
      ->add_option("--set", options->make.sets,
                   "change a key of config.json, for instance --set hidden_size=200 (may be given often)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  add_choice(*command, "--format", options->make.format,
             {{"bf16", RandomFormat::kBf16}, {"fp8fp4", RandomFormat::kFp8Fp4}},
             "how matrices are stored (default bf16)");
  command->add_option("--seed", options->make.seed, "the weights follow from it (default 1)");
  command->add_option("-t,--threads", options->make.threads, "threads (default: one for each CPU)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", options->json, "print what was written as JSON");
  command->callback([options, &run] { run = [options] { write_checkpoint(*options); }; });
}

}  // namespace hadal
