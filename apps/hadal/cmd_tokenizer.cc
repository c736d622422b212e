// hadal tokenizer: make tokenizers.
#include <memory>

#include "commands.h"
#include "tools/tokenizer_train.h"

namespace hadal {

void add_tokenizer(CLI::App& app, std::function<void()>& run) {
  CLI::App* const command = app.add_subcommand("tokenizer", "make a tokenizer of your own");
  command->require_subcommand(1);
  auto options = std::make_shared<TokenizerTrainOptions>();
  CLI::App* const train = command->add_subcommand(
      "train", "learn a byte-level BPE vocabulary from text; writes a tokenizer.json");
  train
      ->add_option("DATA", options->files, "plain text, or .jsonl with lines of {\"text\"} or {\"messages\"}")
      ->required()
      ->type_name("");
  train->add_option("--vocab", options->vocab, "tokens, the bytes and control tokens included (default 4096)")
      ->check(CLI::PositiveNumber);
  train->add_flag("!--no-digit-merges", options->merges_digits,
                  "every digit is a token of its own: easier sums for small models");
  train->add_option("-o,--out", options->out, "the file to write")->required()->type_name("FILE");
  train->callback([options, &run] { run = [options] { train_tokenizer(*options); }; });
}

}  // namespace hadal
