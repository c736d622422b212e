// hadal finetune: a model learns from new data, whole or beside an adapter; and adapters are merged.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "train/finetune.h"

namespace hadal {
namespace {

struct Options {
  FinetuneOptions finetune;
  std::string merge;
};

void print(const MergeReport& report, const std::string& out) {
  fmt::print("held-out data      {} tokens\n", report.tokens);
  fmt::print("loss of the base   {:.4f} nats a token\n", report.loss_base);
  fmt::print("with the adapter   {:.4f}\n", report.loss_adapter);
  fmt::print("merged             {:.4f}\n", report.loss_merged);
  fmt::print("KL                 {:.6f} nats a token, merged against base and adapter\n", report.kl);
  fmt::print("{}\n", out);
}

void run_finetune(const Options& options) {
  const FinetuneOptions& o = options.finetune;
  if (options.merge.empty()) {
    fmt::print("{}\n", finetune(o));
  } else {
    print(merge_adapter({o.model, o.data, options.merge, o.out, o.threads}), o.out);
  }
}

}  // namespace

void add_finetune(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  FinetuneOptions& o = options->finetune;
  o.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App* const command =
      app.add_subcommand("finetune", "train a model further, whole or as an adapter (docs/TRAINING.md)");
  command->add_option("MODEL", o.model, "the model's folder (DeepSeek-V4)")->required();
  command
      ->add_option("DATA", o.data,
                   "a folder of hadal data prepare, or text and .jsonl files as it takes them")
      ->required()
      ->type_name("");
  command->add_option("-o,--out", o.out, "the folder of the run; with --merge, of the merged model")
      ->required()
      ->type_name("DIR");
  CLI::Option* const lora =
      command
          ->add_option("--lora", o.lora_rank,
                       "train an adapter of this rank beside the model, which stays as it is (default: train "
                       "all of it)")
          ->check(CLI::Range(1, 4096));
  command
      ->add_option("--alpha", o.lora_alpha,
                   "the adapter counts this much by its rank (default: twice the rank)")
      ->check(CLI::PositiveNumber)
      ->needs(lora);
  command
      ->add_option(
          "--merge", options->merge,
          "train nothing; write the model with this adapter in its weights, and compare both on DATA, "
          "which training must not have seen")
      ->type_name("FILE")
      ->excludes(lora);
  command->add_option("--epochs", o.epochs, "how often all of DATA is read (default 2)")
      ->check(CLI::PositiveNumber);
  command->add_option("--steps", o.steps, "steps, in place of --epochs")->check(CLI::PositiveNumber);
  command->add_option("--rate", o.rate, "learning rate (default 1e-3 with --lora, else 2e-4)")
      ->check(CLI::PositiveNumber);
  command->add_option("--rows", o.rows, "rows of a step (default 4)")->check(CLI::Range(1, 65536));
  command->add_option("--row-tokens", o.row_tokens, "tokens of a row (default 512)")
      ->check(CLI::Range(2, 1 << 20));
  command->add_option("--seed", o.seed, "of the data's order and the adapter's first values (default 1)");
  command->add_option("--checkpoint-every", o.checkpoint_every, "steps between checkpoints (default 100)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--resume", o.train.resume, "go on from the newest checkpoint of the run");
  command->add_option("-t,--threads", o.threads, "threads (default: one for each CPU)")
      ->check(CLI::Range(1, 1024));
  command->callback([options, &run] { run = [options] { run_finetune(*options); }; });
}

}  // namespace hadal
