#include "server/reply.h"

#include <algorithm>
#include <utility>

#include "server/reply_reader.h"

namespace hadal {
namespace {

// The generator may go on while its events are read; a client that takes nothing shall not find all of them
// in memory.
constexpr int kEventsAtOnce = 256;

std::string_view default_kind(Protocol protocol, int status) {
  const bool anthropic = protocol == Protocol::kMessages;
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return anthropic ? "request_too_large" : "invalid_request_error";
    case 429:
      return "rate_limit_error";
    case 500:
      return anthropic ? "api_error" : "server_error";
    case 503:
    case 504:
      return anthropic ? "overloaded_error" : "service_unavailable_error";
    default:
      return "invalid_request_error";
  }
}

void append_sse(std::string_view name, std::string_view data, std::string& out) {
  if (!name.empty()) out.append("event: ").append(name).append("\n");
  out.append("data: ").append(data).append("\n\n");
}

}  // namespace

Json error_body(Protocol protocol, int status, const std::string& message, const std::string& param,
                const std::string& kind) {
  const std::string type(default_kind(protocol, status));
  JsonObject error;
  if (protocol == Protocol::kMessages) {
    error.set("type", type);
    error.set("message", message);
    if (!kind.empty()) {
      JsonObject details;
      details.set("error_code", kind);
      error.set("details", std::move(details));
    }
    JsonObject body;
    body.set("type", "error");
    body.set("error", std::move(error));
    return body;
  }
  error.set("message", message);
  error.set("type", type);
  error.set("param", param.empty() ? Json() : Json(param));
  error.set("code", kind.empty() ? type : kind);
  JsonObject body;
  body.set("error", std::move(error));
  return body;
}

// A generation's events, read and shaped.
class ServedReply::Part {
 public:
  Part(ReplyPart part, const Tokenizer& tokenizer)
      : part_(std::move(part)), reader_(part_.reading, tokenizer), last_position_(part_.prompt_size - 1) {
    usage_.prompt_tokens = part_.prompt_size;
  }
  ~Part() {
    part_.stream->on_ready({});
    if (!done_) part_.stream->cancel();
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  // Takes what the generator has said since. True: something of the answer came.
  bool read() {
    bool any = false;
    has_more_ = true;
    for (int events = 0; !done_ && events < kEventsAtOnce; ++events) {
      std::optional<StreamEvent> event = part_.stream->next();
      if (!event) {
        has_more_ = false;
        break;
      }
      if (const auto* const progress = std::get_if<PromptProgress>(&*event)) {
        usage_.prompt_tokens = progress->total;
        usage_.cached_tokens =
            std::clamp<int64_t>(progress->cached, 0, std::max<int64_t>(0, progress->total));
        if (!started_) part_.shaper->progress(progress->done, usage_);
      } else if (const auto* const asked = std::get_if<PromptToken>(&*event)) {
        part_.shaper->prompt_token(*asked);
      } else if (const auto* const token = std::get_if<GeneratedToken>(&*event)) {
        any = true;
        take(*token);
      } else if (const auto* const finished = std::get_if<Finished>(&*event)) {
        any = true;
        finish(*finished);
      }
    }
    return any;
  }

  bool done() const { return done_; }
  bool has_more() const { return has_more_ && !done_; }
  const std::string& error() const { return error_; }
  int error_status() const { return error_status_; }
  ReplyShaper& shaper() { return *part_.shaper; }
  const ReplyUsage& usage() const { return usage_; }
  TokenStream& stream() { return *part_.stream; }
  bool counts_prompt() const { return part_.counts_prompt; }

 private:
  void start() {
    if (std::exchange(started_, true)) return;
    part_.shaper->start(usage_);
  }

  void take(const GeneratedToken& token) {
    start();
    if (part_.on_end) said_.ids.push_back(token.id);
    const bool was_reasoning = reader_.in_reasoning();
    for (const ReplyEvent& event : reader_.feed(token.id, token.logprobs)) add(event);
    const int64_t count = token.position - last_position_;
    last_position_ = token.position;
    usage_.completion_tokens += count;
    if (was_reasoning && reader_.in_reasoning()) usage_.reasoning_tokens += count;
    if (!reader_.stopped()) return;
    part_.stream->cancel();
    end(ReplyEnd::kStop);
  }

  void finish(const Finished& finished) {
    usage_.prompt_tokens = finished.usage.prompt_tokens;
    usage_.cached_tokens = std::min(finished.usage.cached_tokens, finished.usage.prompt_tokens);
    usage_.completion_tokens = finished.usage.new_tokens;
    switch (finished.reason) {
      case FinishReason::kStopToken:
      case FinishReason::kEnough:
        return end(ReplyEnd::kStop);
      case FinishReason::kLength:
      case FinishReason::kContextFull:
        return end(ReplyEnd::kLength);
      case FinishReason::kContentFilter:
        return end(ReplyEnd::kContentFilter);
      case FinishReason::kCancelled:
      case FinishReason::kStopping:
        return break_off(503, "the server is stopping");
      case FinishReason::kDeadline:
        return break_off(504, "the request took longer than its deadline");
      case FinishReason::kQueueDeadline:
        return break_off(503, "the request waited longer for its turn than requests may here");
      case FinishReason::kFailed:
        return break_off(500, finished.error);
    }
  }

  void end(ReplyEnd reason) {
    start();
    for (const ReplyEvent& event : reader_.finish()) add(event);
    part_.shaper->finish(reader_.stopped() ? ReplyEnd::kStop : reason, reader_.stop_string(), usage_);
    done_ = true;
    if (!part_.on_end || reason != ReplyEnd::kStop) return;
    said_.cut = reader_.stopped();
    part_.on_end(std::move(said_));
  }

  void add(const ReplyEvent& event) {
    if (part_.on_end) keep(event);
    part_.shaper->add(event);
  }

  void keep(const ReplyEvent& event) {
    switch (event.kind) {
      case ReplyEvent::Kind::kReasoning:
        said_.reasoning += event.text;
        break;
      case ReplyEvent::Kind::kContent:
        said_.content += event.text;
        break;
      case ReplyEvent::Kind::kCallBegin:
        said_.calls.push_back({"", event.text, ""});
        break;
      case ReplyEvent::Kind::kCallArguments:
        said_.calls.back().arguments += event.text;
        break;
      case ReplyEvent::Kind::kCallEnd:
        break;
    }
  }

  void break_off(int status, const std::string& message) {
    error_status_ = status;
    error_ = message.empty() ? "the generation failed" : message;
    done_ = true;
  }

  ReplyPart part_;
  ReplyReader reader_;
  ReplyUsage usage_;
  int64_t last_position_;
  WholeReply said_;  // where on_end wants it
  bool started_ = false;
  bool done_ = false;
  bool has_more_ = false;
  std::string error_;
  int error_status_ = 0;
};

ServedReply::ServedReply(Protocol protocol, bool streams, std::vector<ReplyPart> parts,
                         const Tokenizer& tokenizer, std::shared_ptr<const void> owner)
    : protocol_(protocol), streams_(streams), owner_(std::move(owner)) {
  for (ReplyPart& part : parts) parts_.push_back(std::make_unique<Part>(std::move(part), tokenizer));
}

ServedReply::~ServedReply() = default;

std::string ServedReply::take() {
  if (ended_) return {};
  for (const auto& part : parts_) {
    if (part->read()) begun_ = true;
    for (const SseEvent& event : part->shaper().take()) {
      if (!streams_) continue;
      begun_ = true;
      append_sse(event.name, dump_json(event.data), out_);
    }
    if (!part->error().empty()) {
      fail_with(part->error_status(), part->error());
      return std::exchange(out_, {});
    }
  }
  if (std::ranges::all_of(parts_, [](const auto& part) { return part->done(); })) {
    ended_ = true;
    const std::string done = parts_.front()->shaper().done_data();
    if (streams_ && !done.empty()) append_sse("", done, out_);
  }
  return std::exchange(out_, {});
}

void ServedReply::fail_with(int status, const std::string& message) {
  ended_ = true;
  status_ = status;
  error_ = error_body(protocol_, status, message, "", "");
  // A stream that has begun cannot take its status back: the error is its last event.
  if (streams_)
    append_sse(protocol_ == Protocol::kChat || protocol_ == Protocol::kCompletions ? "" : "error",
               dump_json(error_), out_);
}

bool ServedReply::done() const { return ended_; }

bool ServedReply::has_more() const {
  return !ended_ && std::ranges::any_of(parts_, [](const auto& part) { return part->has_more(); });
}

std::string ServedReply::body() const {
  if (!error_.is_null()) return dump_json(error_);
  const Json first = parts_.front()->shaper().whole();
  if (parts_.size() == 1) return dump_json(first);
  // Several choices: the first answer with all of them and the sum of the usages.
  JsonArray choices;
  for (const auto& part : parts_) {
    const Json whole = part->shaper().whole();
    for (const Json& choice : *whole.find("choices")->array()) choices.push_back(choice);
  }
  JsonObject answer = *first.object();
  answer.set("choices", std::move(choices));
  answer.set("usage", chat_usage(usage(), first.find("usage")->find("completion_tokens_details") != nullptr));
  return dump_json(answer);
}

void ServedReply::on_ready(const std::function<void()>& callback) {
  for (const auto& part : parts_) part->stream().on_ready(callback);
}

ReplyUsage ServedReply::usage() const {
  ReplyUsage total;
  for (const auto& part : parts_) {
    const ReplyUsage& one = part->usage();
    if (part->counts_prompt()) {
      total.prompt_tokens += one.prompt_tokens;
      total.cached_tokens += one.cached_tokens;
    }
    total.completion_tokens += one.completion_tokens;
    total.reasoning_tokens += one.reasoning_tokens;
  }
  return total;
}

double ServedReply::age_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
}

}  // namespace hadal
