// What the readers of the protocols share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/chat_request.h"
#include "server/request_json.h"

namespace hadal {

// Text in place of parts that the model cannot read.
inline constexpr std::string_view kUnsupportedImage = "[Unsupported Image]";
inline constexpr std::string_view kUnsupportedDocument = "[Unsupported Document]";

// "\n\n" between.
void append_paragraph(std::string& text, std::string_view more);
void append_paragraph(std::optional<std::string>& text, std::string_view more);

// System text: at the front of the conversation, or where it stands if the format has a place for it there.
void add_system(ChatRequest& request, const RequestPolicy& policy, std::string text);

// An image where the model reads images: hadal cannot yet. Other models are told that there was one.
std::string image_text(const RequestPolicy& policy, const std::string& place);

// Messages in the chat formats' form.
Json text_message(std::string_view role, std::string content);
Json tool_message(std::string call_id, std::string content);
struct HistoryCall {
  std::string id;
  std::string name;
  std::string arguments;  // whatever the client sent
};
Json assistant_message(std::string content, const std::optional<std::string>& reasoning,
                       const std::vector<HistoryCall>& calls);

void check_model(const std::string& model, const RequestPolicy& policy);

// thinking.type of Chat and Messages.
std::optional<bool> read_thinking(const RequestObject& body);
const std::string* read_effort(const RequestObject& holder, std::string_view key);
void resolve_thinking(std::optional<bool> wished, const std::string* effort, const RequestPolicy& policy,
                      ChatRequest& request);

// Up to 16 texts, none empty.
std::vector<std::string> read_stop(const JsonArray& list, const std::string& place);

// The bound of the policy; `lowers` takes it instead of refusing.
void bound_max_tokens(ChatRequest& request, const RequestPolicy& policy, const std::string& place,
                      bool lowers);

// Temperature, top_p, penalties, seed and what else the protocol has, all in range.
void read_sampling(const RequestObject& body, Protocol protocol, const RequestPolicy& policy,
                   ChatRequest& request);

// required or a named tool in thinking mode: the published API does not have it, hadal enforces it after the
// reasoning.
void check_choice(const ChatRequest& request, const RequestPolicy& policy);

// Whether a text holds "json" in any case.
bool mentions_json(std::string_view text);
bool messages_mention_json(const ChatRequest& request);

// Missing reasoning of calls after the last user turn, where the policy rejects it. `field`: its name in
// messages.
void check_reasoning(const ChatRequest& request, const RequestPolicy& policy, std::string_view field);

}  // namespace hadal
