// hadal train: a training run from a TOML file.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "choice.h"
#include "commands.h"
#include "train/carry.h"
#include "train/trainer.h"

namespace hadal {
namespace {

struct Options {
  std::string config;
  TrainOptions train;
  bool dry_run = false;
  std::string export_dir;
  std::string carry_out;
  StoreMode format = StoreMode::kFp8Fp4;
};

void print_plan(const TrainPlan& plan) {
  fmt::print("parameters         {:.2f} million, {:.2f} million active in products\n",
             static_cast<double>(plan.parameters) * 1e-6,
             static_cast<double>(plan.active_matrix_parameters) * 1e-6);
  fmt::print("products of a step {:.1f} MFLOP a token, without attention\n", plan.flops_per_token * 1e-6);
  fmt::print("memory             {:.2f} GB\n", static_cast<double>(plan.bytes) * 1e-9);
  fmt::print("speed              {:.0f} tokens/s\n", plan.tokens_s);
  fmt::print("time               {:.2f} h for all steps\n", plan.seconds / 3600);
}

std::string newest_checkpoint(const TrainConfig& config, const char* what_for) {
  std::string latest = RunFolder(config.out).latest();
  if (latest.empty()) fail(ErrorCode::kUsage, "{}: this run has no checkpoint to {}", config.out, what_for);
  return latest;
}

void train(const Options& options) {
  const TrainConfig config = read_train_config(options.config);
  if (!options.export_dir.empty()) {
    if (config.residual != Residual::kMhc)
      fail(ErrorCode::kUsage,
           "{}: [ablation] has a residual that the official layout cannot say; only runs with "
           "residual = \"mhc\" are exported",
           options.config);
    return export_model(newest_checkpoint(config, "export"), options.export_dir, options.format);
  }
  if (!options.carry_out.empty())
    return write_carry(newest_checkpoint(config, "carry away"), options.carry_out);
  Trainer trainer(config, options.train);
  if (options.dry_run) return print_plan(trainer.plan());
  trainer.run();
}

}  // namespace

void add_train(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("train", "train a model as a TOML file says (docs/TRAINING.md)");
  command->add_option("CONFIG", options->config, "the TOML file of the run")->required();
  command->add_flag("--resume", options->train.resume, "go on from the newest checkpoint of the run");
  command
      ->add_option(
          "--carry", options->train.carry,
          "begin the run from a carry file: its weights, step and place in the data, without momentum")
      ->type_name("FILE");
  command
      ->add_option("--carry-out", options->carry_out,
                   "train nothing; write the newest checkpoint as a small file to go on from elsewhere")
      ->type_name("FILE");
  command
      ->add_option("--stop-after", options->train.stop_after, "stop after this many steps (default: never)")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--dry-run", options->dry_run,
                    "make two steps, print memory, speed and time, keep nothing of them");
  command->add_option("--export", options->export_dir,
                      "train nothing; write the newest checkpoint into this folder in the official layout");
  add_choice(*command, "--format", options->format,
             {{"fp8fp4", StoreMode::kFp8Fp4}, {"bf16", StoreMode::kBf16}},
             "how --export stores matrices (default fp8fp4)");
  command->callback([options, &run] { run = [options] { train(*options); }; });
}

}  // namespace hadal
