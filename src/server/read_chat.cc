// Chat Completions, as OpenAI and DeepSeek have it.
#include <algorithm>
#include <set>

#include "base/printable.h"
#include "server/parameters.h"
#include "server/reader_parts.h"
#include "server/request_error.h"
#include "server/request_readers.h"
#include "server/tool_specs.h"

namespace hadal {
namespace {

constexpr Protocol kProtocol = Protocol::kChat;

class ChatReader {
 public:
  ChatReader(const Json& body, const RequestPolicy& policy) : body_(body, ""), policy_(policy) {
    request_.protocol = kProtocol;
  }

  ChatRequest read() && {
    request_.model = body_.need_text("model");
    check_model(request_.model, policy_);
    const JsonArray& messages = body_.need_list("messages");
    if (messages.empty()) refuse("messages", "there must be at least one");
    read_thinking_wish();
    read_tools();
    for (const Json& message : messages) read_message(message);
    check_all_answered();
    read_format();
    read_limits();
    check_prefix();
    check_choice(request_, policy_);
    check_reasoning(request_, policy_, "reasoning_content");
    return std::move(request_);
  }

 private:
  void read_thinking_wish() {
    std::optional<bool> wished = read_thinking(body_);
    if (!wished && !policy_.is_deepseek()) wished = template_wish();
    resolve_thinking(wished, read_effort(body_, "reasoning_effort"), policy_, request_);
  }

  // What other servers take for the same switch; nothing else of a template can be set.
  std::optional<bool> template_wish() const {
    const std::optional<RequestObject> wishes = body_.object("chat_template_kwargs");
    if (!wishes) return std::nullopt;
    const std::optional<bool> wish = wishes->flag("thinking");
    return wish ? wish : wishes->flag("enable_thinking");
  }

  void read_tools() {
    const JsonArray* const tools = body_.list("tools");
    for (size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
      const RequestObject tool((*tools)[i], fmt::format("tools[{}]", i));
      tool.need_choice("type", {"function"});
      const RequestObject function = tool.need_object("function");
      request_.tools.push_back(make_tool(function.need_text("name"), function.text("description"),
                                         function.find("parameters"), function.flag("strict"),
                                         function.place()));
    }
    check_unique_names(request_.tools);
    has_tools_ = !request_.tools.empty();
    read_tool_choice();
    request_.parallel_tool_calls = read_flag(body_, kProtocol, "parallel_tool_calls").value_or(true);
  }

  void read_tool_choice() {
    const Json* const choice = body_.find("tool_choice");
    if (choice == nullptr) return;
    if (choice->string() == nullptr) {
      const RequestObject named(*choice, "tool_choice");
      named.need_choice("type", {"function"});
      return require_tool(request_, named.need_object("function").need_text("name"));
    }
    const std::string& word = *body_.choice("tool_choice", {"none", "auto", "required"});
    if (word == "none") {
      request_.tools.clear();
      request_.tool_choice = ToolChoice::kNone;
    } else if (word == "required" && has_tools_) {
      request_.tool_choice = ToolChoice::kRequired;
    }
  }

  void read_message(const Json& value) {
    const size_t index = index_++;
    const RequestObject message(value, fmt::format("messages[{}]", index));
    const std::string& role = message.need_text("role");
    if (role != "tool") check_all_answered();
    if (has_prefix_) refuse(message.place(), "a message with prefix must be the last one");
    if (role == "system" || role == "developer") {
      add_system(request_, policy_, content_of(message));
    } else if (role == "user" || role == "latest_reminder") {
      request_.messages.push_back(text_message(role, content_of(message)));
    } else if (role == "assistant") {
      read_assistant(message, index);
    } else if (role == "tool") {
      read_result(message);
    } else {
      refuse(message.place_of("role"),
             "{} is none of system, developer, user, assistant, tool, latest_reminder",
             in_quotes(role.substr(0, 80)));
    }
  }

  std::string content_of(const RequestObject& message) const {
    const Json& content = message.need("content");
    if (content.string() != nullptr) return *content.string();
    const std::string place = message.place_of("content");
    if (content.array() == nullptr) refuse(place, "expected a string or a list, got {}", json_kind(content));
    std::string text;
    for (size_t i = 0; i < content.array()->size(); ++i) {
      const RequestObject part((*content.array())[i], fmt::format("{}[{}]", place, i));
      if (i > 0) text += "\n\n";
      text += part_text(part);
    }
    return text;
  }

  std::string part_text(const RequestObject& part) const {
    const std::string& type = part.need_choice("type", {"text", "image_url", "file"});
    if (type == "text") return part.need_text("text");
    if (type == "image_url") {
      const RequestObject image = part.need_object("image_url");
      image.need_text("url");
      image.choice("detail", {"low", "high", "original", "auto"});
    } else {
      part.need_object("file");
    }
    return image_text(policy_, part.place());
  }

  void read_assistant(const RequestObject& message, size_t index) {
    const std::string* const reasoning = message.text("reasoning_content");
    const JsonArray* const calls = message.list("tool_calls");
    const bool has_content = message.find("content") != nullptr;
    if (!has_content && calls == nullptr) refuse(message.place(), "content or tool_calls must be given");
    if (calls != nullptr && calls->empty()) refuse(message.place_of("tool_calls"), "the list is empty");
    std::string content = has_content ? content_of(message) : std::string();
    if (message.flag("prefix").value_or(false)) {
      has_prefix_ = true;
      request_.continuation = Continuation{std::nullopt, std::move(content)};
      if (reasoning != nullptr) request_.continuation->reasoning = *reasoning;
      return;
    }
    std::vector<HistoryCall> history;
    for (size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
      const RequestObject call((*calls)[i], fmt::format("{}.tool_calls[{}]", message.place(), i));
      call.need_choice("type", {"function"});
      const RequestObject function = call.need_object("function");
      history.push_back({call.need_text("id"), function.need_text("name"), function.need_text("arguments")});
      if (!open_calls_.insert(history.back().id).second)
        refuse(call.place_of("id"), "two calls of message {} have this id", index);
    }
    request_.messages.push_back(assistant_message(
        std::move(content), reasoning == nullptr ? std::nullopt : std::optional(*reasoning), history));
  }

  void read_result(const RequestObject& message) {
    const std::string& id = message.need_text("tool_call_id");
    std::string content = content_of(message);
    if (open_calls_.erase(id) == 0)
      refuse(message.place(), "a tool message must answer a call of the assistant before it, each once");
    request_.messages.push_back(tool_message(id, std::move(content)));
  }

  void check_all_answered() const {
    if (!open_calls_.empty())
      refuse(fmt::format("messages[{}]", index_ - 1), "the tool call {} has no tool message after it",
             in_quotes(open_calls_.begin()->substr(0, 80)));
  }

  void read_format() {
    const std::optional<RequestObject> wished = body_.object("response_format");
    if (!wished) return;
    const bool deepseek = policy_.is_deepseek();
    const std::string& type =
        deepseek ? wished->need_choice("type", {"text", "json_object", "json_schema", "regex"})
                 : wished->need_choice("type", {"text", "json_object", "json_schema", "regex", "grammar"});
    ResponseFormat& format = request_.format;
    if (type == "json_object") {
      if (!messages_mention_json(request_) && !continuation_mentions_json())
        refuse("response_format",
               "json_object needs the word json in a message, or the model would not know");
      format.kind = ResponseFormat::Kind::kJsonObject;
    } else if (type == "json_schema") {
      const RequestObject schema = wished->need_object("json_schema");
      schema.text("name");
      schema.text("description");
      format = schema_format(schema.need("schema"), schema.flag("strict").value_or(false),
                             "response_format.json_schema.schema");
    } else if (type == "regex" || type == "grammar") {
      format.kind = type == "regex" ? ResponseFormat::Kind::kRegex : ResponseFormat::Kind::kGrammar;
      format.pattern = wished->need_text(type);
    }
  }

  bool continuation_mentions_json() const {
    return request_.continuation && mentions_json(request_.continuation->content);
  }

  void read_limits() {
    const std::optional<uint64_t> old_name = read_count(body_, kProtocol, "max_tokens");
    const std::optional<uint64_t> new_name = read_count(body_, kProtocol, "max_completion_tokens");
    // The published service knows the old name alone.
    request_.max_tokens = old_name || policy_.is_deepseek() ? old_name : new_name;
    bound_max_tokens(request_, policy_, old_name ? "max_tokens" : "max_completion_tokens", false);
    read_sampling(body_, kProtocol, policy_, request_);
    if (const Json* const stop = body_.find("stop"))
      request_.stop = read_stop(stop->string() != nullptr ? JsonArray{*stop} : *body_.list("stop"), "stop");
    request_.sampling.logprobs = read_flag(body_, kProtocol, "logprobs").value_or(false);
    request_.sampling.top_logprobs = read_count(body_, kProtocol, "top_logprobs");
    if (request_.sampling.top_logprobs && !request_.sampling.logprobs)
      refuse("top_logprobs", "it needs \"logprobs\": true");
    request_.stream = read_flag(body_, kProtocol, "stream").value_or(false);
    if (!policy_.is_deepseek()) request_.return_progress = body_.flag("return_progress").value_or(false);
    if (const std::optional<RequestObject> options = body_.object("stream_options")) {
      request_.include_usage = options->flag("include_usage").value_or(false);
      if (!request_.stream) refuse("stream_options", "it needs \"stream\": true");
    }
    const std::string* const user_id = policy_.is_deepseek() ? nullptr : body_.text("user_id");
    const std::string* const user =
        user_id != nullptr || policy_.is_deepseek() ? user_id : body_.text("user");
    if (user != nullptr && user->size() > 512) refuse("user_id", "at most 512 bytes");
    if (user != nullptr) request_.user = *user;
  }

  void check_prefix() const {
    if (!has_prefix_) return;
    if (has_tools_) refuse("tools", "tools do not go with prefix");
    if (request_.format.kind == ResponseFormat::Kind::kJsonObject)
      refuse("response_format", "json_object does not go with prefix");
  }

  RequestObject body_;
  const RequestPolicy& policy_;
  ChatRequest request_;
  size_t index_ = 0;
  bool has_tools_ = false;
  bool has_prefix_ = false;
  std::set<std::string> open_calls_;
};

}  // namespace

ChatRequest read_chat_request(const Json& body, const RequestPolicy& policy) {
  return ChatReader(body, policy).read();
}

}  // namespace hadal
