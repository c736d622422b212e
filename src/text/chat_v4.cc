// V4, April and 0731 (specs deepseek-v4 section 8.1, chat-family section 3). The two differ only in the
// efforts that they know, which come with the literals.
#include "text/chat_v4.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "text/chat_pieces.h"
#include "text/chat_turns.h"
#include "text/control_tokens.h"
#include "text/python_text.h"

namespace hadal {
namespace {

constexpr DsmlNames kNames = {"tool_calls", "invoke", "parameter"};

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
        options_(options),
        turns_(std::move(turns)),
        thinking_(options.thinking_mode == kThinkingMode),
        keeps_reasoning_(keeps_reasoning),
        last_user_(last_user_index(turns_)) {}

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
    const std::string& effort = effort_text();
    check_tools(turn.field("tools"), turn.place);
    check_tool_calls(turn.field("tool_calls"), turn.place);
    if (i == 0 && thinking_) out_.content(effort);
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
    if (i + 1 == turns_.size() || turns_[i + 1].role == ChatRole::kAssistant ||
        turns_[i + 1].role == ChatRole::kLatestReminder)
      render_transition(i);
  }

  // What the level of effort puts at the start of a thinking prompt.
  const std::string& effort_text() const {
    static const std::string kNothing;
    const Json& wished = options_.reasoning_effort;
    const bool is_default = literals_.default_effort ? !python_truth(&wished) : wished.is_null();
    if (is_default && !literals_.default_effort) return kNothing;
    const std::string* const level = is_default ? &*literals_.default_effort : wished.string();
    const auto known = std::ranges::find_if(
        literals_.efforts, [&](const auto& effort) { return level != nullptr && effort.first == *level; });
    if (known == literals_.efforts.end())
      fail(ErrorCode::kUsage, "reasoning_effort {} is not one of the levels of this model: {}",
           dump_json(wished), level_names());
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
    out_.content(text_of(*content, turn));
    write_tools(turn.field("tools"), literals_, out_);
    write_response_format(turn.field("response_format"), literals_, out_);
  }

  void render_user(const Turn& turn) {
    out_.markup(kUserToken);
    for (const TurnPart& part : turn.parts) {
      if (&part != turn.parts.data()) out_.content("\n\n");
      if (part.is_tool_result) {
        out_.content("<tool_result>");
        if (part.content != nullptr) render_tool_result(*part.content, turn);
        out_.content("</tool_result>");
      } else if (part.content != nullptr) {
        out_.content(text_of(*part.content, turn));
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
      out_.content(shown_or_empty(turn.field("reasoning_content")));
      out_.markup(kEndThinkToken);
    }
    out_.content(shown_or_empty(turn.field("content")));
    const Json* const calls = turn.field("tool_calls");
    if (python_truth(calls)) write_tool_calls(*calls, kNames, turn.place, out_);
    if (!python_truth(turn.field("wo_eos"))) out_.markup(kEosToken);
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
    } else if (turn.role == ChatRole::kUser || turn.role == ChatRole::kDeveloper) {
      render_header(thinking_ && (keeps_reasoning_ || static_cast<int>(i) >= last_user_));
    }
  }

  void render_header(bool thinks) {
    out_.markup(kAssistantToken);
    out_.markup(thinks ? kThinkToken : kEndThinkToken);
  }

  const ChatLiterals& literals_;
  const ChatOptions& options_;
  std::vector<Turn> turns_;
  bool thinking_;
  bool keeps_reasoning_;
  int last_user_;
  PromptWriter out_;
};

}  // namespace

RenderedPrompt render_chat_v4(const ChatLiterals& literals, const JsonArray& messages,
                              const ChatOptions& options) {
  std::vector<Turn> context = merge_turns(options.context, "context");
  std::vector<Turn> turns = context;
  for (Turn& turn : merge_turns(messages, "messages")) turns.push_back(std::move(turn));
  sort_tool_results(turns);
  const bool keeps_reasoning = !options.drop_thinking || std::ranges::any_of(turns, [](const Turn& turn) {
    return python_truth(turn.field("tools"));
  });
  size_t skipped = context.size();
  if (options.thinking_mode == kThinkingMode && !keeps_reasoning) {
    drop_old_turns(turns);
    // As the reference counts: by what dropping leaves of the context taken alone.
    drop_old_turns(context);
    skipped = context.size();
  }
  return Renderer(literals, options, std::move(turns), keeps_reasoning).render(skipped);
}

}  // namespace hadal
