// Completions.
#include <utility>

#include "server/reply_shaper.h"

namespace hadal {
namespace {

class CompletionShaper : public ReplyShaper {
 public:
  CompletionShaper(const CompletionRequest& request, std::string prompt, const RequestPolicy& policy,
                   const Tokenizer& tokenizer, ReplyIdentity identity, int64_t index)
      : request_(request),
        is_deepseek_(policy.is_deepseek()),
        tokenizer_(tokenizer),
        identity_(std::move(identity)),
        index_(index),
        prompt_(std::move(prompt)) {}

  void prompt_token(const PromptToken& token) override {
    // The token that only opens the prompt is not a part of its text.
    if (token.position == 0 && tokenizer_.is_added(token.id) &&
        !prompt_.starts_with(tokenizer_.token_bytes(token.id)))
      return;
    const TokenLogprobs known{token.id, token.logprobs.value_or(Logprobs())};
    asked_.add(shown_logprobs({known}, tokenizer_).front(), token.logprobs.has_value());
  }

  void start(const ReplyUsage&) override {
    if (request_.echo && !prompt_.empty()) write_text(prompt_, std::exchange(asked_, {}));
  }

  void add(const ReplyEvent& event) override {
    if (event.kind != ReplyEvent::Kind::kContent) return;
    Shown part;
    part.end = text_length(text_);
    for (const Json& entry : shown_logprobs(event.logprobs, tokenizer_)) part.add(entry, true);
    write_text(event.text, part);
  }

  void finish(ReplyEnd end, const std::string&, const ReplyUsage& usage) override {
    finish_ = end == ReplyEnd::kLength          ? "length"
              : end == ReplyEnd::kContentFilter ? "content_filter"
                                                : "stop";
    usage_ = chat_usage(usage, false);
    const bool wants_own_chunk = !is_deepseek_ && request_.common.include_usage.value_or(false);
    JsonObject last = head();
    last.set("choices", JsonArray{choice("", nullptr, finish_)});
    last.set("usage", wants_own_chunk ? Json() : usage_);
    write("", std::move(last));
    if (!wants_own_chunk) return;
    JsonObject chunk = head();
    chunk.set("choices", JsonArray());
    chunk.set("usage", usage_);
    write("", std::move(chunk));
  }

  Json whole() const override {
    JsonObject answer = head();
    answer.set("choices", JsonArray{choice(text_, shown(all_), finish_)});
    answer.set("usage", usage_);
    return answer;
  }

  std::string done_data() const override { return "[DONE]"; }

 private:
  JsonObject head() const {
    JsonObject chunk;
    chunk.set("id", identity_.id);
    chunk.set("object", "text_completion");
    chunk.set("created", identity_.created);
    chunk.set("model", identity_.model);
    chunk.set("system_fingerprint", identity_.fingerprint.empty() ? Json() : Json(identity_.fingerprint));
    return chunk;
  }

  Json choice(const std::string& text, Json logprobs, Json finish) const {
    JsonObject object;
    object.set("text", text);
    object.set("index", index_);
    object.set("logprobs", std::move(logprobs));
    object.set("finish_reason", std::move(finish));
    return object;
  }

  struct Shown {
    JsonArray tokens;
    JsonArray logprobs;
    JsonArray top;
    JsonArray offsets;
    size_t end = 0;  // of the text so far, in code points

    // Not known: the first token follows nothing.
    void add(const Json& entry, bool is_known) {
      JsonObject likely;
      for (const Json& one : *entry.find("top_logprobs")->array())
        likely.set(*one.find("token")->string(), *one.find("logprob"));
      tokens.push_back(*entry.find("token"));
      logprobs.push_back(is_known ? *entry.find("logprob") : Json());
      top.push_back(is_known ? Json(std::move(likely)) : Json());
      offsets.emplace_back(end);
      end += text_length(*entry.find("token")->string());
    }
  };

  static Json shown(const Shown& tokens) {
    if (tokens.tokens.empty()) return nullptr;
    JsonObject object;
    object.set("tokens", tokens.tokens);
    object.set("token_logprobs", tokens.logprobs);
    object.set("top_logprobs", tokens.top);
    object.set("text_offset", tokens.offsets);
    return object;
  }

  void write_text(const std::string& text, const Shown& part) {
    text_ += text;
    for (const auto field : {&Shown::tokens, &Shown::logprobs, &Shown::top, &Shown::offsets})
      (all_.*field).insert((all_.*field).end(), (part.*field).begin(), (part.*field).end());
    JsonObject chunk = head();
    chunk.set("choices", JsonArray{choice(text, shown(part), nullptr)});
    if (request_.common.include_usage.value_or(false)) chunk.set("usage", nullptr);
    write("", std::move(chunk));
  }

  const CompletionRequest& request_;
  bool is_deepseek_;
  const Tokenizer& tokenizer_;
  ReplyIdentity identity_;
  int64_t index_;
  std::string prompt_;
  std::string text_;
  Shown asked_;  // of the prompt
  Shown all_;
  std::string finish_;
  Json usage_;
};

}  // namespace

std::unique_ptr<ReplyShaper> make_completion_shaper(const CompletionRequest& request, std::string prompt,
                                                    const RequestPolicy& policy, const Tokenizer& tokenizer,
                                                    ReplyIdentity identity, int64_t index) {
  return std::make_unique<CompletionShaper>(request, std::move(prompt), policy, tokenizer,
                                            std::move(identity), index);
}

}  // namespace hadal
