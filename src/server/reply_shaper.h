// What a reply says -> the events of a protocol. No sockets here: a shaper is fed, and what it has written is
// taken.
//
// The answer that is not streamed is the same stream folded, so both always say the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/token_stream.h"
#include "server/chat_request.h"
#include "server/reply_reader.h"
#include "text/tokenizer.h"

namespace hadal {

struct SseEvent {
  std::string name;  // empty: data only
  Json data;
};

struct ReplyUsage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;
};

enum class ReplyEnd : uint8_t { kStop, kLength, kContentFilter };

// What identifies a reply, and what its text is shown with.
struct ReplyIdentity {
  std::string id;
  std::string model;
  int64_t created = 0;  // Unix time
  std::string fingerprint;
  // An unguessable piece of a name; a new one at each call.
  std::function<std::string()> random;
};

class ReplyShaper {
 public:
  virtual ~ReplyShaper() = default;

  // So much of the prompt has been read. Comes before start(), or never.
  virtual void progress(int64_t processed, const ReplyUsage& usage) {
    (void)processed;
    (void)usage;
  }
  // A token of the prompt, where they were asked for. All of them come before start().
  virtual void prompt_token(const PromptToken& token) { (void)token; }
  // The prompt has been read. Comes first.
  virtual void start(const ReplyUsage& usage) = 0;
  virtual void add(const ReplyEvent& event) = 0;
  // `stop_string`: the one that ended the reply; empty if none did.
  virtual void finish(ReplyEnd end, const std::string& stop_string, const ReplyUsage& usage) = 0;
  // The answer as one JSON; after finish().
  virtual Json whole() const = 0;
  // What ends the stream after the last event; empty: nothing does.
  virtual std::string done_data() const { return ""; }

  std::vector<SseEvent> take() { return std::exchange(events_, {}); }

 protected:
  void write(std::string name, Json data) { events_.push_back({std::move(name), std::move(data)}); }

 private:
  std::vector<SseEvent> events_;
};

// `request`, `policy` and `tokenizer` must outlive the shaper. `index` of the choice, where there are
// several.
std::unique_ptr<ReplyShaper> make_chat_shaper(const ChatRequest& request, const PromptPlan& plan,
                                              const RequestPolicy& policy, const Tokenizer& tokenizer,
                                              ReplyIdentity identity, int64_t index = 0);
std::unique_ptr<ReplyShaper> make_responses_shaper(const ChatRequest& request, const Tokenizer& tokenizer,
                                                   ReplyIdentity identity);
// `prompt`: given back before the text, if echoed.
std::unique_ptr<ReplyShaper> make_completion_shaper(const CompletionRequest& request, std::string prompt,
                                                    const RequestPolicy& policy, const Tokenizer& tokenizer,
                                                    ReplyIdentity identity, int64_t index);
std::unique_ptr<ReplyShaper> make_messages_shaper(const ChatRequest& request, ReplyIdentity identity);

// What every shaper shares: the id of the n-th call of a reply, the logprobs of tokens as the OpenAI
// protocols write them.
std::string call_name(size_t index, bool empty_thinking, const ReplyIdentity& identity);
JsonArray shown_logprobs(const std::vector<TokenLogprobs>& tokens, const Tokenizer& tokenizer);
Json chat_usage(const ReplyUsage& usage, bool with_reasoning);

}  // namespace hadal
