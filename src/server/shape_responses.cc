// Responses.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/reply_shaper.h"

namespace hadal {
namespace {

class ResponsesShaper : public ReplyShaper {
 public:
  ResponsesShaper(const ChatRequest& request, const Tokenizer& tokenizer, ReplyIdentity identity)
      : request_(request), tokenizer_(tokenizer), identity_(std::move(identity)) {}

  void start(const ReplyUsage&) override {
    for (const char* const name : {"response.created", "response.in_progress"}) {
      JsonObject event;
      event.set("response", response("in_progress", nullptr, nullptr, JsonArray(), nullptr));
      send(name, event);
    }
  }

  void add(const ReplyEvent& event) override {
    switch (event.kind) {
      case ReplyEvent::Kind::kReasoning:
        has_reasoning_ = true;
        if (kind_ != Kind::kReasoning) open_text(Kind::kReasoning);
        return add_text("response.reasoning_text.delta", event);
      case ReplyEvent::Kind::kContent:
        if (kind_ != Kind::kMessage) open_text(Kind::kMessage);
        return add_text("response.output_text.delta", event);
      case ReplyEvent::Kind::kCallBegin:
        close("completed", true);
        return open_call(event.text);
      case ReplyEvent::Kind::kCallArguments:
        // Text in the middle of a broken call has closed it.
        if (kind_ != Kind::kCall && kind_ != Kind::kCustomCall) return;
        text_ += event.text;
        if (kind_ == Kind::kCall) send_text("response.function_call_arguments.delta", "delta", event.text);
        return;
      case ReplyEvent::Kind::kCallEnd:
        // Closed by what follows it: the last item of an answer that was cut is not a complete one.
        cut_ = !event.complete;
        return;
    }
  }

  void finish(ReplyEnd end, const std::string&, const ReplyUsage& usage) override {
    const bool whole_reply = end == ReplyEnd::kStop;
    close(whole_reply && !cut_ ? "completed" : "incomplete", false);
    Json details;
    if (!whole_reply) {
      JsonObject reason;
      reason.set("reason", end == ReplyEnd::kLength ? "max_output_tokens" : "content_filter");
      details = Json(std::move(reason));
    }
    answer_ = response(whole_reply ? "completed" : "incomplete", identity_.created, std::move(details),
                       output_, shown_usage(usage));
    JsonObject event;
    event.set("response", answer_);
    send(whole_reply ? "response.completed" : "response.incomplete", event);
  }

  Json whole() const override { return answer_; }

 private:
  enum class Kind { kNone, kReasoning, kMessage, kCall, kCustomCall };

  Json response(const char* status, Json completed_at, Json incomplete_details, JsonArray output,
                Json usage) const {
    const auto setting = [&](const char* key) {
      const Json* const value = request_.response_settings.find(key);
      return value == nullptr ? Json() : *value;
    };
    const auto echoed = [&](const char* key) {
      const Json* const value = request_.echo.find(key);
      return value == nullptr ? Json() : *value;
    };
    JsonObject object;
    object.set("id", identity_.id);
    object.set("object", "response");
    object.set("created_at", identity_.created);
    object.set("status", status);
    object.set("background", false);
    object.set("completed_at", std::move(completed_at));
    object.set("content_filters", nullptr);
    object.set("error", nullptr);
    object.set("frequency_penalty", 0.0);
    object.set("incomplete_details", std::move(incomplete_details));
    object.set("instructions", echoed("instructions"));
    object.set("max_output_tokens", echoed("max_output_tokens"));
    object.set("max_tool_calls", nullptr);
    object.set("model", identity_.model);
    object.set("moderation", nullptr);
    object.set("output", std::move(output));
    object.set("parallel_tool_calls", true);
    object.set("presence_penalty", 0.0);
    object.set("previous_response_id", nullptr);
    object.set("prompt_cache_key", nullptr);
    object.set("prompt_cache_retention", nullptr);
    object.set("reasoning", setting("reasoning"));
    object.set("safety_identifier", nullptr);
    object.set("service_tier", "default");
    object.set("store", false);
    object.set("temperature", echoed("temperature"));
    object.set("text", setting("text"));
    object.set("tool_choice", setting("tool_choice"));
    object.set("tools", setting("tools"));
    object.set("top_logprobs", echoed("top_logprobs"));
    object.set("top_p", echoed("top_p"));
    object.set("truncation", "disabled");
    object.set("usage", std::move(usage));
    object.set("user", echoed("user"));
    object.set("metadata", JsonObject());
    return object;
  }

  static Json shown_usage(const ReplyUsage& usage) {
    JsonObject input_details;
    input_details.set("cached_tokens", usage.cached_tokens);
    JsonObject output_details;
    output_details.set("reasoning_tokens", usage.reasoning_tokens);
    JsonObject shown;
    shown.set("input_tokens", usage.prompt_tokens);
    shown.set("input_tokens_details", std::move(input_details));
    shown.set("output_tokens", usage.completion_tokens);
    shown.set("output_tokens_details", std::move(output_details));
    shown.set("total_tokens", usage.prompt_tokens + usage.completion_tokens);
    return shown;
  }

  void send(const char* name, const JsonObject& fields) {
    JsonObject event;
    event.set("type", name);
    for (const JsonMember& member : fields.members()) event.set(member.key, member.value);
    event.set("sequence_number", sequence_++);
    write(name, std::move(event));
  }

  // An event about the open item.
  void send_of_item(const char* name, JsonObject fields, bool of_part) {
    if (of_part) fields.set("content_index", 0);
    fields.set("item_id", item_id_);
    fields.set("output_index", output_.size());
    send(name, fields);
  }

  void send_text(const char* name, const char* key, const std::string& text) {
    JsonObject fields;
    fields.set(key, text);
    send_of_item(name, std::move(fields), false);
  }

  void send_item(const char* name, const Json& item) {
    JsonObject fields;
    fields.set("item", item);
    fields.set("output_index", output_.size());
    send(name, fields);
  }

  Json part() const {
    JsonObject object;
    if (kind_ == Kind::kReasoning) {
      object.set("type", "reasoning_text");
    } else {
      object.set("type", "output_text");
      object.set("annotations", JsonArray());
      object.set("logprobs", logprobs_);
    }
    object.set("text", text_);
    return object;
  }

  Json item(const char* status, bool has_part, const char* phase) const {
    JsonArray content;
    if (has_part) content.push_back(part());
    JsonObject object;
    if (kind_ == Kind::kReasoning) {
      object.set("type", "reasoning");
      object.set("id", item_id_);
      object.set("status", status);
      object.set("content", std::move(content));
      object.set("summary", JsonArray());
      object.set("encrypted_content", fmt::format("{}-{}", identity_.id, output_.size()));
    } else {
      object.set("type", "message");
      object.set("id", item_id_);
      object.set("status", status);
      object.set("role", "assistant");
      object.set("phase", phase);
      object.set("content", std::move(content));
    }
    return object;
  }

  void open_text(Kind kind) {
    close("completed", false);
    kind_ = kind;
    item_id_ = fmt::format("{}_{}_{}", kind == Kind::kReasoning ? "rs" : "msg", identity_.id, output_.size());
    send_item("response.output_item.added", item("in_progress", false, "final_answer"));
    JsonObject fields;
    fields.set("part", part());
    send_of_item("response.content_part.added", std::move(fields), true);
  }

  void add_text(const char* name, const ReplyEvent& event) {
    text_ += event.text;
    JsonObject fields;
    fields.set("delta", event.text);
    if (kind_ == Kind::kMessage) {
      JsonArray shown = shown_logprobs(event.logprobs, tokenizer_);
      logprobs_.insert(logprobs_.end(), shown.begin(), shown.end());
      fields.set("logprobs", std::move(shown));
    }
    send_of_item(name, std::move(fields), true);
  }

  void open_call(const std::string& name) {
    const auto tool = std::ranges::find(request_.tools, name, &ToolSpec::name);
    const bool is_custom = tool != request_.tools.end() && tool->is_custom;
    kind_ = is_custom ? Kind::kCustomCall : Kind::kCall;
    name_ = name;
    call_id_ = call_name(calls_++, request_.thinking && !has_reasoning_, identity_);
    item_id_ = fmt::format("{}_{}_{}", is_custom ? "ctc" : "fc", identity_.id, output_.size());
    send_item("response.output_item.added", call("in_progress", ""));
  }

  Json call(const char* status, const std::string& text) const {
    JsonObject object;
    object.set("type", kind_ == Kind::kCustomCall ? "custom_tool_call" : "function_call");
    object.set("id", item_id_);
    object.set("status", status);
    object.set("call_id", call_id_);
    const auto known =
        std::ranges::find_if(request_.namespaces, [&](const auto& e) { return e.first == name_; });
    const bool is_known = known != request_.namespaces.end();
    object.set("name", is_known ? known->second.second : name_);
    if (is_known) object.set("namespace", known->second.first);
    object.set(kind_ == Kind::kCustomCall ? "input" : "arguments", text);
    return object;
  }

  // The text of a custom tool's one parameter; what else the model wrote as it is.
  std::string custom_input() const {
    const std::optional<Json> arguments = parse_json(text_);
    if (!arguments) return text_;
    const Json* const input = arguments->find("input");
    if (input == nullptr || input->string() == nullptr) return text_;
    return arguments->object()->members().size() == 1 ? *input->string() : text_;
  }

  void close(const char* status, bool call_follows) {
    switch (kind_) {
      case Kind::kNone:
        return;
      case Kind::kReasoning:
      case Kind::kMessage:
        close_text(status, call_follows);
        break;
      case Kind::kCall:
        send_text("response.function_call_arguments.done", "arguments", text_);
        close_item(call(status, text_));
        break;
      case Kind::kCustomCall: {
        const std::string input = custom_input();
        send_text("response.custom_tool_call_input.delta", "delta", input);
        send_text("response.custom_tool_call_input.done", "input", input);
        close_item(call(status, input));
        break;
      }
    }
    kind_ = Kind::kNone;
    text_.clear();
    logprobs_.clear();
  }

  void close_text(const char* status, bool call_follows) {
    const bool is_message = kind_ == Kind::kMessage;
    JsonObject done;
    done.set("text", text_);
    if (is_message) done.set("logprobs", logprobs_);
    send_of_item(is_message ? "response.output_text.done" : "response.reasoning_text.done", std::move(done),
                 true);
    JsonObject fields;
    fields.set("part", part());
    send_of_item("response.content_part.done", std::move(fields), true);
    close_item(item(status, true, call_follows ? "commentary" : "final_answer"));
  }

  void close_item(Json done) {
    send_item("response.output_item.done", done);
    output_.push_back(std::move(done));
  }

  const ChatRequest& request_;
  const Tokenizer& tokenizer_;
  ReplyIdentity identity_;
  int64_t sequence_ = 0;
  JsonArray output_;
  Kind kind_ = Kind::kNone;
  std::string item_id_;
  std::string text_;  // of the open item
  JsonArray logprobs_;
  std::string name_;
  std::string call_id_;
  size_t calls_ = 0;
  bool has_reasoning_ = false;
  bool cut_ = false;
  Json answer_;
};

}  // namespace

std::unique_ptr<ReplyShaper> make_responses_shaper(const ChatRequest& request, const Tokenizer& tokenizer,
                                                   ReplyIdentity identity) {
  return std::make_unique<ResponsesShaper>(request, tokenizer, std::move(identity));
}

}  // namespace hadal
