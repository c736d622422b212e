// hadal chat: a conversation in the terminal.
#include <iostream>
#include <memory>
#include <string>

#include "base/log.h"
#include "commands.h"
#include "formats/checkpoint.h"
#include "model_options.h"
#include "text/chat_format.h"
#include "tools/chat.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

constexpr int64_t kDefaultContext = 32768;
// A few turns to come back to: what /regen and /undo need, and thinking that is dropped.
constexpr int64_t kSnapshots = 4;

struct Options {
  ModelOptions model;
  SamplingOptions sampling;
  std::string system;
  std::string think = "off";
  std::string load;
  int64_t max_new_tokens = 0;
  bool dry_run = false;
};

void chat_with_model(const Options& options) {
  const Checkpoint checkpoint = Checkpoint::open(options.model.dir, LoadMode::kMmap);
  const ModelConfig& config = checkpoint.config();
  ChatSettings settings;
  settings.sampling = sampling_params(options.sampling, checkpoint.generation(), config.vocab_size);
  settings.max_new_tokens = options.max_new_tokens;
  const int64_t room = options.model.ctx > 0
                           ? options.model.ctx
                           : std::min(kDefaultContext, std::max<int64_t>(config.max_position_embeddings, 1));
  if (!plan_allows(checkpoint, options.model, room, kSnapshots, options.dry_run, false)) return;

  const Tokenizer tokenizer = load_tokenizer(options.model.dir);
  check_belongs(tokenizer, config);
  const ChatLiterals literals = load_model_literals(options.model.dir);
  check_markers(tokenizer, literals.dialect);
  const LoadedModel loaded = load_model(options.model);
  const std::unique_ptr<Session> session = open_session(loaded, options.model, room, kSnapshots);
  Terminal terminal;
  settings.show_reasoning = terminal.shows();
  Chat chat(*session, tokenizer, config, literals, settings,
            {.out = std::cout,
             .notes = std::cerr,
             .coloured = terminal.coloured(),
             .interrupted = Terminal::interrupted});
  if (!options.load.empty()) chat.load(options.load);
  if (!options.system.empty()) chat.set_system(options.system);
  if (options.think != "off") chat.set_thinking(options.think);
  if (terminal.edits())
    log_info("{}, room for {} tokens; /help lists the commands, Ctrl-D leaves", options.model.dir, room);
  chat_loop(chat, terminal, std::cerr);
}

}  // namespace

void add_chat(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand("chat", "talk with a model in the terminal");
  add_model_options(*command, options->model);
  add_adapter_option(*command, options->model);
  command->add_option("--system", options->system, "what the model is told before the conversation");
  command->add_option("--think", options->think,
                      "let the model reason first: on, off (default) or a level of its format");
  command->add_option("--load-chat", options->load, "go on with a saved conversation");
  command
      ->add_option("-n,--tokens", options->max_new_tokens,
                   "longest answer (default: as long as there is room)")
      ->check(CLI::Range(int64_t{0}, kMaxTokens));
  add_sequence_options(*command, options->model, options->dry_run);
  add_sampling_options(*command, options->sampling);
  command->callback([options, &run] { run = [options] { chat_with_model(*options); }; });
}

}  // namespace hadal
