// The bodies of the four protocols -> ChatRequest. RequestError(400) for everything that is not as the
// protocol has it; fields that nobody knows are ignored, as the published services do.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "server/chat_request.h"
#include "server/request_json.h"

namespace hadal {

ChatRequest read_chat_request(const Json& body, const RequestPolicy& policy);
ChatRequest read_responses_request(const Json& body, const RequestPolicy& policy);
ChatRequest read_messages_request(const Json& body, const RequestPolicy& policy);

// /v1/completions: text goes to the model as it is, without a chat format.
struct CompletionRequest {
  using Prompt = std::variant<std::string, std::vector<int32_t>>;

  ChatRequest common;  // sampling, limits, stop strings, stream
  std::vector<Prompt> prompts;
  std::optional<std::string> suffix;
  bool echo = false;
};
CompletionRequest read_completion_request(const Json& body, const RequestPolicy& policy);

}  // namespace hadal
