// hadal render: conversations -> prompts, and replies back to messages.
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "commands.h"
#include "tools/loaded_model.h"
#include "tools/render.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

struct Options {
  std::string encoding;
  std::string tokenizer;
  bool jsonl = false;
  bool parse = false;
};

void render(const Options& options) {
  std::ios::sync_with_stdio(false);
  const ChatLiterals literals = load_model_literals(options.encoding);
  if (options.parse) return parse_lines(literals.dialect, std::cin, std::cout);
  std::optional<Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) tokenizer = load_tokenizer(options.tokenizer);
  render_lines(literals, tokenizer ? &*tokenizer : nullptr, std::cin, std::cout);
}

}  // namespace

void add_render(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(
      "render", "turn conversations on standard input into prompts, or replies into messages");
  command->add_option("MODEL", options->encoding, "a model's folder or an encoding file (.py)")->required();
  command
      ->add_flag("--jsonl", options->jsonl,
                 "read lines of {\"messages\", \"options\"}, write lines of {\"prompt\", \"special_ranges\"} "
                 "(or {\"error\"})")
      ->required();
  CLI::Option* const ids =
      command->add_option("--ids", options->tokenizer,
                          "write the prompt's token ids too; takes a model's folder or a tokenizer.json");
  command
      ->add_flag(
          "--parse", options->parse,
          "read lines of {\"completion\", \"thinking\"}, write lines of {\"message\"} (or {\"error\"})")
      ->excludes(ids);
  command->callback([options, &run] { run = [options] { render(*options); }; });
}

}  // namespace hadal
