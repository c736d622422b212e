// Completions, as OpenAI and DeepSeek (with a suffix: fill in the middle) have it.
#include <limits>

#include "server/parameters.h"
#include "server/reader_parts.h"
#include "server/request_error.h"
#include "server/request_readers.h"

namespace hadal {
namespace {

constexpr Protocol kProtocol = Protocol::kCompletions;
constexpr uint64_t kDefaultMaxTokens = 16;  // OpenAI's
constexpr size_t kMaxPrompts = 16;

std::vector<int32_t> token_ids(const JsonArray& list, const std::string& place) {
  std::vector<int32_t> ids;
  for (const Json& id : list) {
    const bool fits =
        id.integer() != nullptr && id.integer()->text.size() < 10 && id.integer()->text[0] != '-';
    if (!fits) refuse(fmt::format("{}[{}]", place, ids.size()), "expected a token id, got {}", json_kind(id));
    ids.push_back(std::stoi(id.integer()->text));
  }
  if (ids.empty()) refuse(place, "it must not be empty");
  return ids;
}

void read_prompts(const RequestObject& body, CompletionRequest& request) {
  const Json& prompt = body.need("prompt");
  if (prompt.string() != nullptr) {
    request.prompts.emplace_back(*prompt.string());
    return;
  }
  const JsonArray* const list = prompt.array();
  if (list == nullptr) refuse("prompt", "expected a string or a list, got {}", json_kind(prompt));
  if (list->empty()) refuse("prompt", "it must not be empty");
  if (list->front().integer() != nullptr) {
    request.prompts.emplace_back(token_ids(*list, "prompt"));
    return;
  }
  if (list->size() > kMaxPrompts) refuse("prompt", "at most {} prompts", kMaxPrompts);
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string place = fmt::format("prompt[{}]", i);
    const Json& one = (*list)[i];
    if (one.string() != nullptr) {
      request.prompts.emplace_back(*one.string());
    } else if (one.array() != nullptr) {
      request.prompts.emplace_back(token_ids(*one.array(), place));
    } else {
      refuse(place, "expected text or token ids, got {}", json_kind(one));
    }
  }
}

}  // namespace

CompletionRequest read_completion_request(const Json& value, const RequestPolicy& policy) {
  const RequestObject body(value, "");
  CompletionRequest request;
  ChatRequest& common = request.common;
  common.protocol = kProtocol;
  common.thinking = false;
  common.model = body.need_text("model");
  check_model(common.model, policy);
  read_prompts(body, request);
  if (const std::string* const suffix = body.text("suffix")) request.suffix = *suffix;
  request.echo = read_flag(body, kProtocol, "echo").value_or(false);
  if (request.suffix && (request.echo || std::holds_alternative<std::vector<int32_t>>(request.prompts[0])))
    refuse("suffix", "it needs a prompt that is text, and no echo");
  common.max_tokens = read_count(body, kProtocol, "max_tokens").value_or(kDefaultMaxTokens);
  if (common.max_tokens == 0 && !request.echo)
    refuse("max_tokens", "nothing is asked for: 0 needs \"echo\": true");
  bound_max_tokens(common, policy, "max_tokens", false);
  read_sampling(body, kProtocol, policy, common);
  read_count(body, kProtocol, "best_of");
  if (common.n * request.prompts.size() > kMaxPrompts) refuse("n", "at most {} answers at once", kMaxPrompts);
  common.sampling.top_logprobs = read_count(body, kProtocol, "logprobs");
  common.sampling.logprobs = common.sampling.top_logprobs.has_value();
  if (const Json* const stop = body.find("stop"))
    common.stop = read_stop(stop->string() != nullptr ? JsonArray{*stop} : *body.list("stop"), "stop");
  common.stream = read_flag(body, kProtocol, "stream").value_or(false);
  if (const std::optional<RequestObject> options = body.object("stream_options")) {
    common.include_usage = options->flag("include_usage").value_or(false);
    if (!common.stream) refuse("stream_options", "it needs \"stream\": true");
  }
  if (const std::string* const user = body.text("user")) common.user = *user;
  return request;
}

}  // namespace hadal
