// hadal run: a text goes on.
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "commands.h"
#include "formats/checkpoint.h"
#include "model_options.h"
#include "tools/run.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

constexpr uint64_t kPromptLimitBytes = uint64_t{1} << 28;

struct Options {
  ModelOptions model;
  SamplingOptions sampling;
  RunOptions run;
  std::optional<std::string> prompt;
  std::string file;
  bool markup = false;
  bool no_bos = false;
  bool dry_run = false;
};

std::string prompt_text(const Options& options) {
  if (options.prompt) return *options.prompt;
  if (!options.file.empty()) return read_file(options.file, kPromptLimitBytes);
  if (isatty(0) == 1) log_info("type the prompt; Ctrl-D on an empty line ends it");
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (std::cin.bad()) fail(ErrorCode::kIo, "standard input: read failed");
  return text;
}

// Room for the prompt and the reply, unless --ctx says otherwise.
int64_t context_tokens(const Options& options, const ModelConfig& config, int64_t prompt_tokens) {
  if (options.model.ctx > 0) return options.model.ctx;
  return std::min(prompt_tokens + options.run.max_new_tokens,
                  std::max(config.max_position_embeddings, prompt_tokens));
}

void run_model(Options options) {
  const Checkpoint checkpoint = Checkpoint::open(options.model.dir, LoadMode::kMmap);
  const ModelConfig& config = checkpoint.config();
  options.run.sampling = sampling_params(options.sampling, checkpoint.generation(), config.vocab_size);
  const Tokenizer tokenizer = load_tokenizer(options.model.dir);
  check_belongs(tokenizer, config);
  std::vector<int32_t> prompt =
      prompt_tokens(tokenizer, config, prompt_text(options), options.markup, !options.no_bos);
  const auto count = static_cast<int64_t>(prompt.size());
  const int64_t room = context_tokens(options, config, count);
  options.model.chunk = std::min(options.model.chunk, count);
  if (!plan_allows(checkpoint, options.model, room, 0, options.dry_run, options.run.json)) return;

  const LoadedModel loaded = load_model(options.model);
  const std::unique_ptr<Session> session = open_session(loaded, options.model, room, 0);
  const GenerateResult result =
      run_text(*session, tokenizer, config, std::move(prompt), options.run, std::cout);
  log_info("{}; seed {}", describe(result), options.run.sampling.seed);
  const EngramStats engram = loaded.model.engram_stats();
  if (engram.rows > 0) log_info("Engram: {}", describe(engram));
  if (result.finish == FinishReason::kContextFull)
    log_info("the context of {} tokens is full; --ctx makes room for more", room);
}

}  // namespace

void add_run(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand("run", "let a model go on with a text");
  add_model_options(*command, options->model);
  add_adapter_option(*command, options->model);
  CLI::Option* const prompt = command->add_option("-p,--prompt", options->prompt, "the text to go on with");
  command->add_option("-f,--file", options->file, "a file with that text (default: standard input)")
      ->excludes(prompt);
  command
      ->add_option("-n,--tokens", options->run.max_new_tokens, "write at most this many tokens (default 256)")
      ->check(CLI::Range(int64_t{0}, kMaxTokens));
  command->add_option("--stop", options->run.stop_strings,
                      "end before this text; may be given several times");
  command->add_flag("--ignore-eos", options->run.ignore_eos, "go on after the model ends its text");
  command->add_flag("--special", options->markup,
                    "control tokens that the prompt spells are control tokens; else they are text");
  command->add_flag("--no-bos", options->no_bos, "do not begin with the model's first token");
  CLI::Option* const json = command->add_flag("--json", options->run.json,
                                              "print one JSON object with text, ids and timings at the end");
  command
      ->add_option("--logprobs", options->run.top_logprobs,
                   "log probabilities of each token and this many of the best, in the JSON")
      ->check(CLI::Range(0, 1000))
      ->needs(json);
  add_sequence_options(*command, options->model, options->dry_run);
  add_sampling_options(*command, options->sampling);
  command->callback([options, &run] { run = [options] { run_model(*options); }; });
}

}  // namespace hadal
