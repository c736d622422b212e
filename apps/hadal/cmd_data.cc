// hadal data: make training data.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/error.h"
#include "commands.h"
#include "train/data_prepare.h"

namespace hadal {
namespace {

void prepare(const DataPrepareOptions& options) {
  const DataManifest manifest = prepare_data(options);
  fmt::print("{}: {} documents, {} tokens ({} to learn), {} shards\n", options.out, manifest.documents,
             manifest.tokens, manifest.learned_tokens, manifest.shards.size());
}

}  // namespace

void add_data(CLI::App& app, std::function<void()>& run) {
  CLI::App* const command = app.add_subcommand("data", "make training data");
  command->require_subcommand(1);
  auto options = std::make_shared<DataPrepareOptions>();
  CLI::App* const prepared =
      command->add_subcommand("prepare", "turn text and conversations into shards of tokens");
  prepared
      ->add_option("DATA", options->files, "plain text, or .jsonl with lines of {\"text\"} or {\"messages\"}")
      ->required()
      ->type_name("");
  prepared->add_option("--tokenizer", options->tokenizer, "a model's folder or a tokenizer.json")
      ->required()
      ->type_name("FILE");
  prepared
      ->add_option(
          "--encoding", options->encoding,
          "a model's folder or an encoding file (.py) that words the prompts (default: hadal's own words)")
      ->type_name("FILE");
  prepared->add_option("-o,--out", options->out, "the folder to write")->required()->type_name("DIR");
  prepared->add_option("--shard-tokens", options->shard_tokens, "tokens of a shard (default 16777216)")
      ->check(CLI::PositiveNumber);
  prepared->callback([options, &run] { run = [options] { prepare(*options); }; });
}

}  // namespace hadal
