#include "tools/conversation.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "text/tool_namespaces.h"

namespace hadal {
namespace {

constexpr std::string_view kFormat = "hadal-chat";
constexpr uint64_t kFileLimitBytes = uint64_t{1} << 28;

Json message(std::string_view role, std::string_view content) {
  JsonObject object;
  object.set("role", role);
  object.set("content", content);
  return object;
}

bool is_string(const Json* value) { return value != nullptr && value->string() != nullptr; }

bool has_role(const Json& message, std::string_view role) {
  const Json* const value = message.find("role");
  return is_string(value) && *value->string() == role;
}

std::string content_of(const Json& message) {
  const Json* const content = message.find("content");
  return is_string(content) ? *content->string() : std::string();
}

bool is_saved_chat(const Json& json) {
  const Json* const format = json.find("format");
  return is_string(format) && *format->string() == kFormat;
}

// What the chat relies on; the rest is the chat format's business.
void check_message(const Json& message, size_t index, const std::string& origin) {
  const auto refuse = [&](std::string_view what) {
    fail(ErrorCode::kInvalidModel, "{}: messages[{}] {}", origin, index, what);
  };
  if (message.object() == nullptr) refuse("is not an object");
  if (!is_string(message.find("role"))) refuse("has no text \"role\"");
  const Json* const content = message.find("content");
  if (content != nullptr && !content->is_null() && content->string() == nullptr)
    refuse("has a \"content\" that is not text");
}

}  // namespace

Json message_call(const ToolCall& call, ChatDialect dialect) {
  const NamespacedName name =
      traits_of(dialect).has_namespaces ? split_namespace(call.name) : NamespacedName{"", call.name};
  JsonObject function;
  function.set("name", name.name);
  function.set("arguments", call.arguments);
  JsonObject wrapped;
  wrapped.set("type", "function");
  wrapped.set("function", std::move(function));
  if (!name.name_space.empty()) wrapped.set("namespace", name.name_space);
  return wrapped;
}

int64_t Conversation::turns() const {
  return std::count_if(messages_.begin(), messages_.end(), [](const Json& m) { return has_role(m, "user"); });
}

bool Conversation::has_system() const { return !messages_.empty() && has_role(messages_.front(), "system"); }

void Conversation::set_system(std::string_view text) {
  if (has_system()) messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), message("system", text));
}

std::string Conversation::system() const {
  return has_system() ? content_of(messages_.front()) : std::string();
}

void Conversation::add_user(std::string_view text) { messages_.push_back(message("user", text)); }

void Conversation::add_reply(const Reply& reply, ChatDialect dialect) {
  std::string content = reply.content;
  JsonArray calls;
  for (const ToolCall& call : reply.calls) {
    const std::optional<Json> arguments = parse_json(call.arguments);
    if (!call.complete || !arguments || arguments->object() == nullptr) {
      content += call.name + "(" + call.arguments + ")";
      continue;
    }
    calls.push_back(message_call(call, dialect));
  }
  JsonObject object;
  object.set("role", "assistant");
  object.set("content", std::move(content));
  if (!reply.reasoning.empty()) object.set("reasoning_content", reply.reasoning);
  if (!calls.empty()) object.set("tool_calls", std::move(calls));
  messages_.emplace_back(std::move(object));
}

std::optional<std::string> Conversation::undo() {
  const auto last =
      std::find_if(messages_.rbegin(), messages_.rend(), [](const Json& m) { return has_role(m, "user"); });
  if (last == messages_.rend()) return {};
  std::string text = content_of(*last);
  messages_.erase(last.base() - 1, messages_.end());
  return text;
}

bool Conversation::drop_reply() {
  if (messages_.empty() || !has_role(messages_.back(), "assistant")) return false;
  messages_.pop_back();
  return true;
}

void Conversation::clear() { messages_.resize(has_system() ? 1 : 0); }

std::string Conversation::to_json() const {
  JsonObject object;
  object.set("format", kFormat);
  object.set("version", 1);
  object.set("thinking", thinking);
  object.set("messages", messages_);
  return dump_json(object) + "\n";
}

Conversation Conversation::from_json(std::string_view text, const std::string& origin) {
  if (!is_valid_utf8(text)) fail(ErrorCode::kInvalidModel, "{}: not UTF-8", origin);
  JsonProblem problem;
  const std::optional<Json> json = parse_json(text, &problem);
  if (!json)
    fail(ErrorCode::kInvalidModel, "{}: not JSON: {} at byte {}", origin, problem.what, problem.offset);
  const Json* const version = json->find("version");
  if (!is_saved_chat(*json))
    fail(ErrorCode::kInvalidModel, "{}: no saved chat: \"format\" is not \"{}\"", origin, kFormat);
  if (version == nullptr || version->integer() == nullptr || version->integer()->text != "1")
    fail(ErrorCode::kInvalidModel, "{}: \"version\" is not 1; a newer hadal may read it", origin);
  const Json* const messages = json->find("messages");
  if (messages == nullptr || messages->array() == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: \"messages\" is not a list", origin);
  Conversation conversation;
  conversation.messages_ = *messages->array();
  for (size_t i = 0; i < conversation.messages_.size(); ++i)
    check_message(conversation.messages_[i], i, origin);
  if (const Json* const thinking = json->find("thinking"); is_string(thinking))
    conversation.thinking = *thinking->string();
  return conversation;
}

void Conversation::save(const std::string& path) const {
  if (file_exists(path)) {
    const std::optional<Json> old = parse_json(read_file(path, kFileLimitBytes));
    if (!old || !is_saved_chat(*old))
      fail(ErrorCode::kUsage, "{} is there already and is no saved chat; choose another name", path);
  }
  write_file_atomically(path, to_json());
}

Conversation Conversation::load(const std::string& path) {
  return from_json(read_file(path, kFileLimitBytes), path);
}

}  // namespace hadal
