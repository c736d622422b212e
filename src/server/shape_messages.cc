// Messages.
#include <algorithm>
#include <utility>

#include "server/reply_shaper.h"

namespace hadal {
namespace {

JsonObject typed(const char* type) {
  JsonObject object;
  object.set("type", type);
  return object;
}

class MessagesShaper : public ReplyShaper {
 public:
  MessagesShaper(const ChatRequest& request, ReplyIdentity identity)
      : request_(request), identity_(std::move(identity)) {}

  void start(const ReplyUsage& usage) override {
    JsonObject event = typed("message_start");
    event.set("message", message(JsonArray(), nullptr, nullptr, shown_usage(usage, 0)));
    write("message_start", std::move(event));
    // A continued answer is past its reasoning.
    if (request_.thinking && !(request_.continuation && !request_.continuation->content.empty())) {
      JsonObject block = typed("thinking");
      block.set("thinking", "");
      block.set("signature", "");
      open(Kind::kThinking, std::move(block));
    }
  }

  void add(const ReplyEvent& event) override {
    switch (event.kind) {
      case ReplyEvent::Kind::kReasoning:
        return add_text(Kind::kThinking, "thinking_delta", "thinking", event.text);
      case ReplyEvent::Kind::kContent:
        return add_text(Kind::kText, "text_delta", "text", event.text);
      case ReplyEvent::Kind::kCallBegin: {
        close();
        JsonObject block = typed("tool_use");
        block.set("id", call_name(calls_, empty_thinking_, identity_));
        block.set("name", event.text);
        block.set("input", JsonObject());
        ++calls_;
        return open(Kind::kCall, std::move(block));
      }
      case ReplyEvent::Kind::kCallArguments:
        // Text in the middle of a broken call has closed it.
        if (kind_ != Kind::kCall) return;
        return add_text(Kind::kCall, "input_json_delta", "partial_json", event.text);
      case ReplyEvent::Kind::kCallEnd:
        all_complete_ = all_complete_ && event.complete;
        return close();
    }
  }

  void finish(ReplyEnd end, const std::string& stop_string, const ReplyUsage& usage) override {
    close();
    stop_reason_ = end == ReplyEnd::kLength          ? "max_tokens"
                   : end == ReplyEnd::kContentFilter ? "refusal"
                   : !stop_string.empty()            ? "stop_sequence"
                   : calls_ > 0 && all_complete_     ? "tool_use"
                                                     : "end_turn";
    if (stop_reason_ == "stop_sequence") stop_sequence_ = stop_string;
    usage_ = shown_usage(usage, usage.completion_tokens);
    JsonObject delta;
    delta.set("stop_reason", stop_reason_);
    delta.set("stop_sequence", stop_sequence_);
    JsonObject event = typed("message_delta");
    event.set("delta", std::move(delta));
    event.set("usage", usage_);
    write("message_delta", std::move(event));
    write("message_stop", typed("message_stop"));
  }

  Json whole() const override { return message(blocks_, stop_reason_, stop_sequence_, usage_); }

 private:
  enum class Kind { kNone, kThinking, kText, kCall };

  Json message(JsonArray content, Json stop_reason, Json stop_sequence, Json usage) const {
    JsonObject object;
    object.set("id", identity_.id);
    object.set("type", "message");
    object.set("role", "assistant");
    object.set("model", identity_.model);
    object.set("content", std::move(content));
    object.set("stop_reason", std::move(stop_reason));
    object.set("stop_sequence", std::move(stop_sequence));
    object.set("usage", std::move(usage));
    return object;
  }

  static Json shown_usage(const ReplyUsage& usage, int64_t output_tokens) {
    JsonObject shown;
    shown.set("input_tokens", std::max<int64_t>(0, usage.prompt_tokens - usage.cached_tokens));
    shown.set("cache_creation_input_tokens", 0);
    shown.set("cache_read_input_tokens", usage.cached_tokens);
    shown.set("output_tokens", output_tokens);
    shown.set("service_tier", "standard");
    return shown;
  }

  void open(Kind kind, JsonObject block) {
    kind_ = kind;
    text_.clear();
    block_ = block;
    JsonObject event = typed("content_block_start");
    event.set("index", blocks_.size());
    event.set("content_block", std::move(block));
    write("content_block_start", std::move(event));
    if (blocks_.empty()) write("ping", typed("ping"));
  }

  void add_text(Kind kind, const char* delta_type, const char* key, const std::string& text) {
    if (kind_ != kind) {
      close();
      JsonObject block = typed(key);
      block.set(key, "");
      open(kind, std::move(block));
    }
    text_ += text;
    JsonObject delta = typed(delta_type);
    delta.set(key, text);
    write_delta(std::move(delta));
  }

  void write_delta(JsonObject delta) {
    JsonObject event = typed("content_block_delta");
    event.set("index", blocks_.size());
    event.set("delta", std::move(delta));
    write("content_block_delta", std::move(event));
  }

  void close() {
    if (kind_ == Kind::kNone) return;
    if (kind_ == Kind::kThinking) {
      JsonObject delta = typed("signature_delta");
      delta.set("signature", identity_.id);
      write_delta(std::move(delta));
      block_.set("thinking", text_);
      block_.set("signature", identity_.id);
      empty_thinking_ = text_.empty();
    } else if (kind_ == Kind::kText) {
      block_.set("text", text_);
    } else {
      // Arguments that are no object, because the call was cut or the model made a mistake, cannot be given.
      const std::optional<Json> input = parse_json(text_);
      block_.set("input", input && input->object() != nullptr ? *input : Json(JsonObject()));
    }
    JsonObject event = typed("content_block_stop");
    event.set("index", blocks_.size());
    write("content_block_stop", std::move(event));
    blocks_.emplace_back(std::move(block_));
    kind_ = Kind::kNone;
  }

  const ChatRequest& request_;
  ReplyIdentity identity_;
  Kind kind_ = Kind::kNone;
  JsonObject block_;
  std::string text_;
  JsonArray blocks_;
  size_t calls_ = 0;
  bool all_complete_ = true;
  bool empty_thinking_ = false;
  std::string stop_reason_;
  Json stop_sequence_;
  Json usage_;
};

}  // namespace

std::unique_ptr<ReplyShaper> make_messages_shaper(const ChatRequest& request, ReplyIdentity identity) {
  return std::make_unique<MessagesShaper>(request, std::move(identity));
}

}  // namespace hadal
