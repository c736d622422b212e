// hadal tokenize: text -> token ids and back.
#include <iostream>
#include <memory>
#include <string>

#include "base/error.h"
#include "commands.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

struct Options {
  std::string model;
  bool jsonl = false;
  bool plain = false;
  bool decode = false;
};

void tokenize(const Options& options) {
  std::ios::sync_with_stdio(false);
  const Tokenizer tokenizer = load_tokenizer(options.model);
  if (!options.jsonl && !options.decode) return tokenize_text(tokenizer, options.plain, std::cin, std::cout);
  const TokenizeMode mode = options.decode  ? TokenizeMode::kDecode
                            : options.plain ? TokenizeMode::kContent
                                            : TokenizeMode::kEncode;
  tokenize_lines(tokenizer, mode, std::cin, std::cout);
}

}  // namespace

void add_tokenize(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("tokenize", "turn the text on standard input into token ids, or back");
  command->add_option("MODEL", options->model, "a model's folder or a tokenizer.json")->required();
  command->add_flag("--jsonl", options->jsonl,
                    "read lines of {\"text\"}, write lines of {\"ids\"} (or {\"error\"})");
  CLI::Option* const plain = command->add_flag("--plain", options->plain,
                                               "take everything as content: nothing becomes a control token");
  command
      ->add_flag("--decode", options->decode,
                 "read lines of {\"ids\"}, write lines of {\"hex\"}: the bytes of the tokens")
      ->excludes(plain);
  command->callback([options, &run] { run = [options] { tokenize(*options); }; });
}

}  // namespace hadal
