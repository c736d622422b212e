#include "tools/chat.h"

#include <fmt/format.h>

#include <ostream>

#include "base/error.h"
#include "base/printable.h"
#include "text/chat_format.h"
#include "tools/chat_view.h"
#include "tools/progress_line.h"
#include "tools/run.h"

namespace hadal {
namespace {

constexpr std::string_view kFullAdvice =
    "Nothing is lost: /undo takes back the last message, /save keeps it all, --ctx makes more room at the "
    "next start, "
    "/new begins again";

// A number where the level is one.
Json effort_of(const std::string& level) {
  const bool is_number = !level.empty() && level.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? Json(JsonInteger{level}) : Json(level);
}

}  // namespace

Chat::Chat(Session& session, const Tokenizer& tokenizer, const ModelConfig& config,
           const ChatLiterals& literals, ChatSettings settings, ChatSurface surface)
    : session_(session),
      tokenizer_(tokenizer),
      config_(config),
      literals_(literals),
      settings_(std::move(settings)),
      surface_(std::move(surface)) {}

bool Chat::take(std::string_view input) {
  bool stays = true;
  try {
    if (const auto command = parse_chat_command(input)) {
      stays = run(*command);
    } else {
      say(said_text(input));
    }
  } catch (const Error& error) {
    note(error.what());
  }
  if (!surface_.out) fail(ErrorCode::kIo, "standard output: write failed");
  return stays;
}

bool Chat::run(const ChatCommand& command) {
  switch (command.verb) {
    case ChatVerb::kHelp:
      note(chat_help());
      return true;
    case ChatVerb::kThink:
      think(command.argument);
      return true;
    case ChatVerb::kSystem:
      system(command.argument);
      return true;
    case ChatVerb::kRegen:
      regenerate();
      return true;
    case ChatVerb::kUndo: {
      const auto text = conversation_.undo();
      note(text ? "taken back: " + *text : "there is nothing to take back");
      return true;
    }
    case ChatVerb::kNew:
      conversation_.clear();
      note("a new conversation");
      return true;
    case ChatVerb::kSave:
      conversation_.save(command.argument);
      note(fmt::format("saved to {}", command.argument));
      return true;
    case ChatVerb::kLoad:
      load(command.argument);
      return true;
    case ChatVerb::kStats:
      stats();
      return true;
    case ChatVerb::kSet:
      set(command.argument);
      return true;
    case ChatVerb::kQuit:
      return false;
  }
  return true;
}

void Chat::say(std::string_view text) {
  const Conversation before = conversation_;
  try {
    conversation_.add_user(text);
    if (answer()) return;
    note("your message is not part of the conversation; the arrow up brings it back");
  } catch (const Error&) {
    conversation_ = before;
    throw;
  }
  conversation_ = before;
}

void Chat::regenerate() {
  const Conversation before = conversation_;
  if (!conversation_.drop_reply()) fail(ErrorCode::kUsage, "there is no answer to make again");
  ++regenerated_;
  try {
    if (answer()) return;
  } catch (const Error&) {
    conversation_ = before;
    throw;
  }
  conversation_ = before;
}

// False if there is no answer, not even a part of one.
bool Chat::answer() {
  std::vector<int32_t> context = render(conversation_);
  if (!has_room(static_cast<int64_t>(context.size()))) return false;
  Reply reply;
  last_ = generate(std::move(context), reply);
  explain(last_);
  if (last_.new_tokens == 0) return false;
  conversation_.add_reply(reply, literals_.dialect);
  return true;
}

std::vector<int32_t> Chat::render(const Conversation& conversation) const {
  ChatOptions options;
  if (conversation.thinking != "off") {
    options.thinking_mode = "thinking";
    if (conversation.thinking != "on") options.reasoning_effort = effort_of(conversation.thinking);
  }
  const RenderedPrompt prompt = render_chat(literals_, conversation.messages(), options);
  refuse_images(prompt);
  return tokenizer_.encode_segments(prompt.text, prompt.special_ranges);
}

bool Chat::has_room(int64_t tokens) {
  const int64_t room = session_.sequence().max_tokens();
  if (tokens < room) return true;
  note(fmt::format("the context is full: the conversation would have {} tokens, and there is room for {}. {}",
                   tokens, room, kFullAdvice));
  return false;
}

GenerateResult Chat::generate(std::vector<int32_t> context, Reply& reply) {
  GenerateRequest request{.context = std::move(context), .sampling = settings_.sampling};
  request.sampling.seed += regenerated_;
  request.stop_tokens.assign(config_.eos_token_ids.begin(), config_.eos_token_ids.end());
  if (settings_.max_new_tokens > 0) request.max_new_tokens = settings_.max_new_tokens;

  ReplyParser parser(ReplyMode::kLenient, conversation_.thinking != "off", literals_.dialect);
  StreamDecoder decoder(tokenizer_);
  ChatView view(surface_.out, surface_.coloured, settings_.show_reasoning);
  ProgressLine progress;
  const auto show = [&](const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) {
      reply.add(delta);
      view.show(delta);
    }
  };
  GenerateHooks hooks;
  hooks.cancelled = surface_.interrupted;
  hooks.on_prompt = [&](int64_t done, int64_t total) { progress.update(done, total); };
  hooks.on_token = [&](const GeneratedToken& token) {
    progress.clear();
    if (token.stops) return true;
    if (tokenizer_.is_added(token.id)) {
      show(parser.feed_content(decoder.flush()));
      show(parser.feed_markup(tokenizer_.token_bytes(token.id)));
    } else {
      show(parser.feed_content(decoder.feed(token.id)));
    }
    return static_cast<bool>(surface_.out);
  };
  const GenerateResult result = session_.generate(request, hooks);
  show(parser.feed_content(decoder.flush()));
  show(parser.finish());
  return result;
}

void Chat::explain(const GenerateResult& result) {
  switch (result.finish) {
    case FinishReason::kLength:
      return note(fmt::format("(cut after {} tokens; /set max-tokens)", result.new_tokens));
    case FinishReason::kContextFull:
      return note(fmt::format("(cut: the context of {} tokens is full. {})", session_.sequence().max_tokens(),
                              kFullAdvice));
    case FinishReason::kStopToken:
    case FinishReason::kEnough:
      return;
    default:
      return note("(stopped)");
  }
}

void Chat::load(const std::string& path) {
  Conversation loaded = Conversation::load(path);
  render(loaded);  // an unknown role or level is an error now, not later
  conversation_ = std::move(loaded);
  note(fmt::format("loaded {}: {} messages, thinking {}", path, conversation_.messages().size(),
                   conversation_.thinking));
}

void Chat::set_thinking(std::string_view level) {
  if (literals_.efforts.empty() && level != "on" && level != "off")
    fail(ErrorCode::kUsage, "thinking {}: this model's format has no levels of effort, only on and off",
         in_quotes(level));
  Conversation tried;
  tried.thinking = level;
  tried.add_user("?");
  render(tried);
  conversation_.thinking = level;
}

void Chat::think(std::string_view argument) {
  set_thinking(!argument.empty() ? argument : conversation_.thinking == "off" ? "on" : "off");
  note(fmt::format("thinking: {}", conversation_.thinking));
}

void Chat::system(std::string_view argument) {
  if (!argument.empty()) conversation_.set_system(argument == "none" ? "" : argument);
  const std::string text = conversation_.system();
  note(fmt::format("system: {}", text.empty() ? "none" : text));
}

void Chat::set(std::string_view argument) {
  if (argument.empty()) {
    for (const SettingText& setting : list_settings(settings_))
      note(fmt::format("  {:<20} {:<12} {}", setting.name, setting.value, setting.help));
    return;
  }
  const size_t space = std::min(argument.find(' '), argument.size());
  const size_t value = std::min(argument.find_first_not_of(' ', space), argument.size());
  change_setting(settings_, argument.substr(0, space), argument.substr(value), config_.vocab_size);
}

void Chat::stats() {
  const int64_t room = session_.sequence().max_tokens();
  note(fmt::format("{} messages; the model holds {} of {} tokens", conversation_.messages().size(),
                   session_.tokens().size(), room));
  if (last_.context_tokens > 0) note(fmt::format("last answer: {}", describe(last_)));
}

void Chat::note(const std::string& text) { surface_.notes << harmless_text(text) << std::endl; }

void chat_loop(Chat& chat, Terminal& terminal, std::ostream& notes) {
  LineEditor editor({}, complete_chat_command);
  bool warned = false;
  while (true) {
    const Terminal::Input input = terminal.read(editor, "> ", ". ");
    if (input.status == Terminal::Status::kEndOfInput) return;
    if (input.status == Terminal::Status::kInterrupted) {
      if (warned) fail(ErrorCode::kInterrupted, "interrupted");
      warned = true;
      notes << "Ctrl-C again or Ctrl-D leaves" << std::endl;
      continue;
    }
    warned = false;
    editor.remember(input.text);
    const std::string text = without_quotes(input.text);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) continue;
    if (!chat.take(text)) return;
    Terminal::clear_interrupt();  // it was for that answer
  }
}

}  // namespace hadal
