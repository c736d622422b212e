// Chat Completions.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "server/reply_shaper.h"

namespace hadal {
namespace {

class ChatShaper : public ReplyShaper {
 public:
  ChatShaper(const ChatRequest& request, const PromptPlan& plan, const RequestPolicy& policy,
             const Tokenizer& tokenizer, ReplyIdentity identity, int64_t index)
      : request_(request),
        stage_(plan.reading.stage),
        is_deepseek_(policy.is_deepseek()),
        tokenizer_(tokenizer),
        identity_(std::move(identity)),
        index_(index) {}

  void progress(int64_t processed, const ReplyUsage& usage) override {
    if (!request_.return_progress) return;
    JsonObject shown;
    shown.set("total", usage.prompt_tokens);
    shown.set("cache", usage.cached_tokens);
    shown.set("processed", processed);
    JsonObject chunk = head("chat.completion.chunk");
    chunk.set("choices", JsonArray());
    chunk.set("prompt_progress", std::move(shown));
    write("", std::move(chunk));
  }

  void start(const ReplyUsage&) override {
    JsonObject delta;
    delta.set("role", "assistant");
    const bool in_reasoning =
        stage_ == ThinkingStage::kReasoning || stage_ == ThinkingStage::kReasoningContinued;
    delta.set("content", in_reasoning ? Json() : Json(""));
    if (request_.thinking) delta.set("reasoning_content", in_reasoning ? Json("") : Json());
    if (in_reasoning) reasoning_.emplace();
    write_delta(std::move(delta), nullptr, nullptr);
  }

  void add(const ReplyEvent& event) override {
    switch (event.kind) {
      case ReplyEvent::Kind::kReasoning:
        if (!reasoning_) reasoning_.emplace();
        *reasoning_ += event.text;
        return write_text(Json(), event.text, "reasoning_content", event.logprobs, reasoning_logprobs_);
      case ReplyEvent::Kind::kContent:
        content_ += event.text;
        return write_text(event.text, Json(), "content", event.logprobs, content_logprobs_);
      case ReplyEvent::Kind::kCallBegin:
        calls_.push_back({call_name(calls_.size(), empty_thinking(), identity_), event.text, "", false});
        return write_call(true, "");
      case ReplyEvent::Kind::kCallArguments:
        calls_.back().arguments += event.text;
        return write_call(false, event.text);
      case ReplyEvent::Kind::kCallEnd:
        calls_.back().complete = event.complete;
        return;
    }
  }

  void finish(ReplyEnd end, const std::string&, const ReplyUsage& usage) override {
    finish_ = end == ReplyEnd::kLength                                          ? "length"
              : end == ReplyEnd::kContentFilter                                 ? "content_filter"
              : !calls_.empty() && std::ranges::all_of(calls_, &Call::complete) ? "tool_calls"
                                                                                : "stop";
    usage_ = chat_usage(usage, request_.thinking);
    JsonObject delta;
    delta.set("content", "");
    if (request_.thinking) delta.set("reasoning_content", nullptr);
    const bool wants_own_chunk = !is_deepseek_ && request_.include_usage.value_or(false);
    ends_ = !wants_own_chunk;
    write_delta(std::move(delta), nullptr, finish_);
    if (!wants_own_chunk) return;
    JsonObject chunk = head("chat.completion.chunk");
    chunk.set("choices", JsonArray());
    chunk.set("usage", usage_);
    write("", std::move(chunk));
  }

  Json whole() const override {
    JsonObject message;
    message.set("role", "assistant");
    message.set("content", content_);
    if (reasoning_) message.set("reasoning_content", *reasoning_);
    if (!calls_.empty()) {
      JsonArray calls;
      for (size_t i = 0; i < calls_.size(); ++i) calls.push_back(shown_call(i, calls_[i].arguments));
      message.set("tool_calls", std::move(calls));
    }
    JsonObject choice;
    choice.set("index", index_);
    choice.set("message", std::move(message));
    choice.set("logprobs", all_logprobs());
    choice.set("finish_reason", finish_);
    JsonObject answer = head("chat.completion");
    answer.set("choices", JsonArray{std::move(choice)});
    answer.set("usage", usage_);
    return answer;
  }

  std::string done_data() const override { return "[DONE]"; }

 private:
  struct Call {
    std::string id;
    std::string name;
    std::string arguments;
    bool complete;
  };

  bool empty_thinking() const { return reasoning_ && reasoning_->empty(); }

  JsonObject head(const char* object) const {
    JsonObject chunk;
    chunk.set("id", identity_.id);
    chunk.set("object", object);
    chunk.set("created", identity_.created);
    chunk.set("model", identity_.model);
    chunk.set("system_fingerprint", identity_.fingerprint.empty() ? Json() : Json(identity_.fingerprint));
    return chunk;
  }

  void write_delta(JsonObject delta, Json logprobs, Json finish) {
    JsonObject choice;
    choice.set("index", index_);
    choice.set("delta", std::move(delta));
    choice.set("logprobs", std::move(logprobs));
    choice.set("finish_reason", std::move(finish));
    JsonObject chunk = head("chat.completion.chunk");
    chunk.set("choices", JsonArray{std::move(choice)});
    if (ends_) {
      chunk.set("usage", usage_);
    } else if (request_.include_usage.value_or(false)) {
      chunk.set("usage", nullptr);
    }
    write("", std::move(chunk));
  }

  void write_text(Json content, Json reasoning, const char* key, const std::vector<TokenLogprobs>& tokens,
                  JsonArray& all) {
    JsonObject delta;
    delta.set("content", std::move(content));
    if (request_.thinking) delta.set("reasoning_content", std::move(reasoning));
    Json logprobs;
    if (!tokens.empty()) {
      JsonArray shown = shown_logprobs(tokens, tokenizer_);
      all.insert(all.end(), shown.begin(), shown.end());
      JsonObject object;
      object.set(key, std::move(shown));
      logprobs = Json(std::move(object));
    }
    write_delta(std::move(delta), std::move(logprobs), nullptr);
  }

  Json shown_call(size_t index, const std::string& arguments) const {
    JsonObject function;
    function.set("name", calls_[index].name);
    function.set("arguments", arguments);
    JsonObject call;
    call.set("index", index);
    call.set("id", calls_[index].id);
    call.set("type", "function");
    call.set("function", std::move(function));
    return call;
  }

  void write_call(bool begins, const std::string& arguments) {
    Json call;
    if (begins) {
      call = shown_call(calls_.size() - 1, "");
    } else {
      JsonObject function;
      function.set("arguments", arguments);
      JsonObject more;
      more.set("index", calls_.size() - 1);
      more.set("function", std::move(function));
      call = Json(std::move(more));
    }
    JsonObject delta;
    delta.set("tool_calls", JsonArray{std::move(call)});
    write_delta(std::move(delta), nullptr, nullptr);
  }

  Json all_logprobs() const {
    if (content_logprobs_.empty() && reasoning_logprobs_.empty()) return nullptr;
    JsonObject logprobs;
    logprobs.set("content", content_logprobs_);
    if (!reasoning_logprobs_.empty()) logprobs.set("reasoning_content", reasoning_logprobs_);
    return logprobs;
  }

  const ChatRequest& request_;
  ThinkingStage stage_;
  bool is_deepseek_;
  const Tokenizer& tokenizer_;
  ReplyIdentity identity_;
  int64_t index_;
  std::optional<std::string> reasoning_;
  std::string content_;
  std::vector<Call> calls_;
  JsonArray reasoning_logprobs_;
  JsonArray content_logprobs_;
  std::string finish_;
  Json usage_;
  bool ends_ = false;  // the chunk being written is the last one
};

Json shown_token(int32_t id, double logprob, const Tokenizer& tokenizer) {
  const std::string_view bytes = tokenizer.has_token(id) ? tokenizer.token_bytes(id) : std::string_view();
  std::string text(bytes);
  if (!is_valid_utf8(bytes)) {
    text.clear();
    for (const char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<uint8_t>(byte));
  }
  JsonArray numbers;
  for (const char byte : bytes) numbers.emplace_back(static_cast<int>(static_cast<uint8_t>(byte)));
  JsonObject token;
  token.set("token", std::move(text));
  // A probability of 0 has no logarithm that JSON can say.
  token.set("logprob", std::max(logprob, -9999.0));
  token.set("bytes", std::move(numbers));
  return token;
}

}  // namespace

std::string call_name(size_t index, bool empty_thinking, const ReplyIdentity& identity) {
  return fmt::format("call_{:02}_{}{}", index, empty_thinking ? "ET_" : "", identity.random());
}

JsonArray shown_logprobs(const std::vector<TokenLogprobs>& tokens, const Tokenizer& tokenizer) {
  JsonArray list;
  for (const TokenLogprobs& token : tokens) {
    const Json shown = shown_token(token.id, token.values.chosen, tokenizer);
    JsonObject entry = *shown.object();
    JsonArray top;
    for (const TokenLogprob& likely : token.values.top)
      top.push_back(shown_token(likely.id, likely.logprob, tokenizer));
    entry.set("top_logprobs", std::move(top));
    list.emplace_back(std::move(entry));
  }
  return list;
}

Json chat_usage(const ReplyUsage& usage, bool with_reasoning) {
  JsonObject prompt_details;
  prompt_details.set("cached_tokens", usage.cached_tokens);
  JsonObject shown;
  shown.set("prompt_tokens", usage.prompt_tokens);
  shown.set("completion_tokens", usage.completion_tokens);
  shown.set("total_tokens", usage.prompt_tokens + usage.completion_tokens);
  shown.set("prompt_tokens_details", std::move(prompt_details));
  if (with_reasoning) {
    JsonObject details;
    details.set("reasoning_tokens", usage.reasoning_tokens);
    shown.set("completion_tokens_details", std::move(details));
  }
  shown.set("prompt_cache_hit_tokens", usage.cached_tokens);
  shown.set("prompt_cache_miss_tokens", std::max<int64_t>(0, usage.prompt_tokens - usage.cached_tokens));
  return shown;
}

std::unique_ptr<ReplyShaper> make_chat_shaper(const ChatRequest& request, const PromptPlan& plan,
                                              const RequestPolicy& policy, const Tokenizer& tokenizer,
                                              ReplyIdentity identity, int64_t index) {
  return std::make_unique<ChatShaper>(request, plan, policy, tokenizer, std::move(identity), index);
}

}  // namespace hadal
