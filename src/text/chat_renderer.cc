// Turns -> the prompt (specs deepseek-v4 section 8.1, chat-family sections 3 to 5). One walk for all members;
// where they differ it asks their traits (chat_dialect.h).
#include "text/chat_renderer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "text/chat_pieces.h"
#include "text/chat_turns.h"
#include "text/control_tokens.h"
#include "text/python_text.h"

namespace hadal {
namespace {

constexpr std::string_view kThinkingMode = "thinking";
constexpr std::string_view kActionTask = "action";
constexpr std::pair<std::string_view, std::string_view> kTaskTokens[] = {
    {kActionTask, "<｜action｜>"}, {"query", "<｜query｜>"}, {"authority", "<｜authority｜>"},
    {"domain", "<｜domain｜>"},    {"title", "<｜title｜>"}, {"read_url", "<｜read_url｜>"},
};

class Renderer {
 public:
  Renderer(const ChatLiterals& literals, const ChatOptions& options, std::vector<Turn> turns,
           bool keeps_reasoning)
      : literals_(literals),
        traits_(traits_of(literals.dialect)),
        options_(options),
        turns_(std::move(turns)),
        thinking_(options.thinking_mode == kThinkingMode),
        keeps_reasoning_(keeps_reasoning),
        last_user_(last_user_index(turns_, traits_)) {}

  RenderedPrompt render(size_t first) && {
    if (options_.add_bos && options_.context.empty()) out_.markup(kBosToken);
    for (size_t i = first; i < turns_.size(); ++i) render_turn(i);
    return std::move(out_).take();
  }

 private:
  void render_turn(size_t i) {
    const Turn& turn = turns_[i];
    if (!thinking_ && options_.thinking_mode != "chat")
      fail(ErrorCode::kUsage, "thinking_mode is \"{}\", not chat or thinking", options_.thinking_mode);
    const std::optional<std::string> effort = effort_value();
    check_tools(turn.field("tools"), traits_, turn.place);
    check_tool_calls(turn.field("tool_calls"), traits_, turn.place);
    const bool shows_effort = i == 0 && thinking_ && effort;
    if (traits_.marks_system && (shows_effort || turn.role == ChatRole::kSystem)) out_.markup(kSystemToken);
    if (shows_effort) out_.fill(literals_.effort, *effort);
    switch (turn.role) {
      case ChatRole::kSystem:
        render_system(turn);
        break;
      case ChatRole::kDeveloper:
        render_developer(turn);
        break;
      case ChatRole::kUser:
        render_user(turn);
        break;
      case ChatRole::kAssistant:
        render_assistant(i);
        break;
      case ChatRole::kTool:
        render_result_of_block(i);
        break;
      case ChatRole::kLatestReminder:
        out_.markup(kLatestReminderToken);
        out_.content(shown(turn.field("content")));
        break;
      case ChatRole::kSearchResults:
      case ChatRole::kUnknown: {
        const Json* const role = turn.message->find("role");
        fail(ErrorCode::kUsage, "{}: unknown role {}", turn.place,
             role == nullptr ? "(none)" : dump_json(*role));
      }
    }
    if (!traits_.merges_turns || i + 1 == turns_.size() || turns_[i + 1].role == ChatRole::kAssistant ||
        turns_[i + 1].role == ChatRole::kLatestReminder)
      render_transition(i);
  }

  // What the level of effort stands for; nothing where nothing is written.
  std::optional<std::string> effort_value() const {
    const Json& wished = options_.reasoning_effort;
    if (literals_.efforts.empty()) return std::nullopt;
    const bool is_default =
        literals_.default_effort && !traits_.counts_effort ? !python_truth(&wished) : wished.is_null();
    if (is_default && !literals_.default_effort) return std::nullopt;
    if (traits_.counts_effort && wished.integer() != nullptr) {
      const std::string& number = wished.integer()->text;
      if (number.size() < 3 ? number != "0" && !number.starts_with('-') : number == "100") return number;
    }
    const std::string* const level = is_default ? &*literals_.default_effort : wished.string();
    const auto known = std::ranges::find_if(
        literals_.efforts, [&](const auto& effort) { return level != nullptr && effort.first == *level; });
    if (known == literals_.efforts.end())
      fail(ErrorCode::kUsage, "reasoning_effort {} is not one of the levels of this model: {}{}",
           dump_json(wished), level_names(), traits_.counts_effort ? ", or a number from 1 to 100" : "");
    return known->second;
  }

  std::string level_names() const {
    std::string names;
    for (const auto& [level, text] : literals_.efforts) names.append(names.empty() ? "" : ", ").append(level);
    return names;
  }

  // Content where Python prints whatever it is; the first form prints a missing value as None.
  static std::string shown(const Json* content) { return content == nullptr ? "None" : python_str(*content); }
  static std::string shown_or_empty(const Json* content) {
    return python_truth(content) ? python_str(*content) : std::string();
  }
  // Content that Python joins to a text: it must be one.
  static const std::string& text_of(const Json& content, const Turn& turn) {
    if (content.string() == nullptr) fail(ErrorCode::kUsage, "{}: content is not text", turn.place);
    return *content.string();
  }

  void render_system(const Turn& turn) {
    out_.content(shown_or_empty(turn.field("content")));
    write_tools(turn.field("tools"), literals_, out_);
    write_response_format(turn.field("response_format"), literals_, out_);
  }

  void render_developer(const Turn& turn) {
    const Json* const content = turn.field("content");
    if (!python_truth(content)) fail(ErrorCode::kUsage, "{}: a developer message needs content", turn.place);
    out_.markup(kUserToken);
    if (traits_.merges_turns) out_.content(text_of(*content, turn));
    write_tools(turn.field("tools"), literals_, out_);
    write_response_format(turn.field("response_format"), literals_, out_);
    if (!traits_.merges_turns) out_.content("\n\n# The user's message is: " + python_str(*content));
  }

  void render_user(const Turn& turn) {
    out_.markup(kUserToken);
    for (const TurnPart& part : turn.parts) {
      if (&part != turn.parts.data()) out_.content("\n\n");
      switch (part.kind) {
        case TurnPart::Kind::kText:
          if (!traits_.merges_turns) {
            out_.content(shown(part.content));
          } else if (part.content != nullptr) {
            out_.content(text_of(*part.content, turn));
          }
          break;
        case TurnPart::Kind::kToolResult:
          out_.content("<tool_result>");
          if (part.content != nullptr) render_tool_result(*part.content, turn);
          out_.content("</tool_result>");
          break;
        case TurnPart::Kind::kOther:
          out_.content("[Unsupported " + shown(part.content) + "]");
          break;
      }
    }
  }

  void render_tool_result(const Json& content, const Turn& turn) {
    const JsonArray* const blocks = content.array();
    if (blocks == nullptr) return out_.content(python_str(content));
    for (const Json& block : *blocks) {
      if (block.object() == nullptr)
        fail(ErrorCode::kUsage, "{}: a part of its content is no object", turn.place);
      if (&block != blocks->data()) out_.content("\n\n");
      const Json* const type = block.find("type");
      if (type != nullptr && type->string() != nullptr && *type->string() == "text") {
        if (const Json* const text = block.find("text")) out_.content(text_of(*text, turn));
      } else {
        out_.content("[Unsupported " + shown(type) + "]");
      }
    }
  }

  void render_assistant(size_t i) {
    const Turn& turn = turns_[i];
    // The answer to a task has no thinking part.
    const bool answers_task = i > 0 && turns_[i - 1].task != nullptr;
    if (thinking_ && !answers_task && (keeps_reasoning_ || static_cast<int>(i) > last_user_)) {
      if (!traits_.merges_turns && !python_truth(turn.field("reasoning_content")) &&
          !python_truth(turn.field("tool_calls")))
        fail(ErrorCode::kUsage, "{}: in thinking mode a new answer needs reasoning or tool calls",
             turn.place);
      out_.content(shown_or_empty(turn.field("reasoning_content")));
      out_.markup(kEndThinkToken);
    }
    out_.content(shown_or_empty(turn.field("content")));
    const Json* const calls = turn.field("tool_calls");
    if (python_truth(calls)) write_tool_calls(*calls, traits_, turn.place, out_);
    if (!traits_.has_tasks || !python_truth(turn.field("wo_eos"))) out_.markup(kEosToken);
  }

  // A result where results make up a block of their own: the first one opens it, the last one closes it and
  // lets the model go on.
  void render_result_of_block(size_t i) {
    const Turn& turn = turns_[i];
    size_t first = i;
    while (first > 0 && turns_[first - 1].role == ChatRole::kTool) --first;
    const bool follows_answer = first > 0 && turns_[first - 1].role == ChatRole::kAssistant;
    const Json* const calls = follows_answer ? turns_[first - 1].field("tool_calls") : nullptr;
    const size_t count = calls == nullptr || calls->array() == nullptr ? 0 : calls->array()->size();
    const size_t number = i - first + 1;
    if (number > count) fail(ErrorCode::kUsage, "{}: a result without a call before it", turn.place);
    if (number == 1) out_.content("\n\n<function_results>");
    out_.content("\n<result>" + shown(turn.field("content")) + "</result>");
    if (number < count) return;
    out_.content("\n</function_results>\n\n");
    out_.markup(thinks_after(i) ? kThinkToken : kEndThinkToken);
  }

  // After a turn that is the last one, or is followed by an answer: what makes the model answer.
  void render_transition(size_t i) {
    const Turn& turn = turns_[i];
    if (turn.task != nullptr) {
      const std::string* const task = turn.task->string();
      const auto* const known = std::ranges::find_if(
          kTaskTokens, [&](const auto& entry) { return task != nullptr && entry.first == *task; });
      if (known == std::end(kTaskTokens))
        fail(ErrorCode::kUsage, "{}: unknown task {}", turn.place, dump_json(*turn.task));
      if (known->first == kActionTask) render_header(thinking_);
      out_.markup(known->second);
    } else if (turn.role == ChatRole::kUser || turn.role == ChatRole::kDeveloper ||
               (traits_.marks_system && turn.role == ChatRole::kSystem && i > 0)) {
      render_header(thinks_after(i));
    }
  }

  // Whether the model begins with reasoning when it goes on after this turn.
  bool thinks_after(size_t i) const {
    return thinking_ && (keeps_reasoning_ || static_cast<int>(i) >= last_user_);
  }

  void render_header(bool thinks) {
    out_.markup(kAssistantToken);
    out_.markup(thinks ? kThinkToken : kEndThinkToken);
  }

  const ChatLiterals& literals_;
  const ChatTraits& traits_;
  const ChatOptions& options_;
  std::vector<Turn> turns_;
  bool thinking_;
  bool keeps_reasoning_;
  int last_user_;
  PromptWriter out_;
};

}  // namespace

RenderedPrompt render_messages(const ChatLiterals& literals, const JsonArray& messages,
                               const JsonArray& context_messages, const ChatOptions& options) {
  const ChatTraits& traits = traits_of(literals.dialect);
  std::vector<Turn> context = make_turns(context_messages, traits, "context");
  std::vector<Turn> turns = context;
  for (Turn& turn : make_turns(messages, traits, "messages")) turns.push_back(std::move(turn));
  if (traits.merges_turns) sort_tool_results(turns);
  const bool keeps_reasoning =
      traits.merges_turns && (!options.drop_thinking || std::ranges::any_of(turns, [](const Turn& turn) {
        return python_truth(turn.field("tools"));
      }));
  size_t skipped = context.size();
  if (options.thinking_mode == kThinkingMode && options.drop_thinking && !keeps_reasoning) {
    const size_t all = turns.size();
    drop_old_turns(turns, traits);
    if (!traits.merges_turns && turns.size() < all)
      fail(ErrorCode::kUsage, "a message before the last user's has a role that thinking mode cannot keep");
    // As the reference counts: by what dropping leaves of the context taken alone.
    drop_old_turns(context, traits);
    skipped = context.size();
  }
  return Renderer(literals, options, std::move(turns), keeps_reasoning).render(skipped);
}

}  // namespace hadal
