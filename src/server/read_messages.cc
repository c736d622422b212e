// Messages, as Anthropic has it.
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

constexpr Protocol kProtocol = Protocol::kMessages;
// A line about the client that agents put into their system text; it changes with every version.
constexpr std::string_view kBillingHeader = "x-anthropic-billing-header:";

bool is_server_block(std::string_view type) {
  return type == "server_tool_use" || type == "web_search_tool_result";
}

class MessagesReader {
 public:
  MessagesReader(const Json& body, const RequestPolicy& policy) : body_(body, ""), policy_(policy) {
    request_.protocol = kProtocol;
  }

  ChatRequest read() && {
    request_.model = body_.need_text("model");
    check_model(request_.model, policy_);
    refuse_threads();
    read_thinking_wish();
    read_tools();
    read_system();
    const JsonArray& messages = body_.need_list("messages");
    if (messages.empty()) refuse("messages", "there must be at least one");
    for (size_t i = 0; i < messages.size(); ++i)
      read_message(RequestObject(messages[i], fmt::format("messages[{}]", i)), i + 1 == messages.size());
    check_answered();
    read_format();
    read_limits();
    if (!requires_any_) check_choice(request_, policy_);
    check_reasoning(request_, policy_, "thinking block");
    return std::move(request_);
  }

 private:
  // A conversation that the server would hold: clients that begin one send the whole history after this.
  void refuse_threads() {
    if (policy_.is_deepseek() || body_.find("thread") == nullptr) return;
    throw RequestError(400, "thread: this server keeps no conversations; send all messages each time",
                       "thread", "thread_unsupported_request");
  }

  void read_thinking_wish() {
    const std::optional<RequestObject> config = body_.object("output_config");
    resolve_thinking(read_thinking(body_), config ? read_effort(*config, "effort") : nullptr, policy_,
                     request_);
  }

  void read_tools() {
    const JsonArray* const tools = body_.list("tools");
    for (size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
      const RequestObject tool((*tools)[i], fmt::format("tools[{}]", i));
      const std::string* const type = tool.text("type");
      if (type != nullptr && *type != "custom") {
        if (type->starts_with("web_search_") && !policy_.rejects_messages_web_search) {
          dropped_tools_.insert(tool.need_text("name"));
          continue;
        }
        refuse(tool.place(), "this server has no tools of its own: {}", in_quotes(type->substr(0, 80)));
      }
      tool.flag("defer_loading");
      const Json* const schema = tool.json().find("input_schema");
      const Json none;
      const std::optional<bool> strict = policy_.is_deepseek() ? std::nullopt : tool.flag("strict");
      request_.tools.push_back(make_tool(tool.need_text("name"), tool.text("description"),
                                         schema == nullptr ? &none : schema, strict, tool.place()));
    }
    check_unique_names(request_.tools);
    for (const ToolSpec& tool : request_.tools) tool_names_.insert(tool.name);
    read_tool_choice();
  }

  void read_tool_choice() {
    const std::optional<RequestObject> choice = body_.object("tool_choice");
    if (!choice) return;
    const std::string& type = choice->need_choice("type", {"auto", "any", "tool", "none"});
    request_.parallel_tool_calls = !choice->flag("disable_parallel_tool_use").value_or(false);
    if (type == "tool" && dropped_tools_.contains(choice->need_text("name"))) return;
    if (type == "tool") {
      require_tool(request_, choice->need_text("name"));
    } else if (type == "none") {
      request_.tools.clear();
      request_.tool_choice = ToolChoice::kNone;
    } else if (type == "any" && !request_.tools.empty()) {
      requires_any_ = true;
      request_.tool_choice = ToolChoice::kRequired;
    }
  }

  void read_system() {
    const Json* const system = body_.find("system");
    if (system == nullptr) return;
    if (system->string() != nullptr) {
      request_.system = *system->string();
      return;
    }
    if (system->array() == nullptr)
      refuse("system", "expected a string or a list, got {}", json_kind(*system));
    for (size_t i = 0; i < system->array()->size(); ++i) {
      const RequestObject block((*system->array())[i], fmt::format("system[{}]", i));
      block.need_choice("type", {"text"});
      const std::string& text = block.need_text("text");
      if (text.starts_with(kBillingHeader) && (i == 0 || !policy_.is_deepseek())) continue;
      request_.system = request_.system ? *request_.system + "\n\n" + text : text;
    }
  }

  void read_message(const RequestObject& message, bool is_last) {
    const std::string& role = message.need_choice("role", {"user", "assistant", "system"});
    const Json& content = message.need("content");
    const std::string place = message.place_of("content");
    if (content.string() == nullptr && content.array() == nullptr)
      refuse(place, "expected a string or a list, got {}", json_kind(content));
    if (content.array() != nullptr && content.array()->empty() && role != "system")
      refuse(place, "it must not be empty");
    std::vector<RequestObject> blocks;
    JsonObject whole;
    whole.set("type", "text");
    whole.set("text", content);
    const Json text_block(std::move(whole));
    if (content.string() != nullptr) blocks.emplace_back(text_block, place);
    for (size_t i = 0; content.array() != nullptr && i < content.array()->size(); ++i)
      blocks.emplace_back((*content.array())[i], fmt::format("{}[{}]", place, i));
    std::erase_if(blocks, [this](const RequestObject& block) { return is_dropped(block); });
    if (role == "user") read_user(blocks);
    if (role == "assistant") read_assistant(blocks, is_last);
    if (role == "system") read_system_message(blocks);
  }

  bool is_dropped(const RequestObject& block) const {
    if (!is_server_block(block.need_text("type"))) return false;
    if (policy_.rejects_messages_web_search) refuse(block.place(), "this server has no tools of its own");
    return true;
  }

  void read_user(const std::vector<RequestObject>& blocks) {
    std::optional<std::string> text;
    for (const RequestObject& block : blocks) {
      if (block.need_text("type") == "tool_result") {
        // With a call still open after text, check_answered() has refused.
        read_result(block);
        continue;
      }
      check_answered();
      const std::string part = part_text(block, "user");
      text = text ? *text + "\n\n" + part : part;
    }
    check_answered();
    if (text) request_.messages.push_back(text_message("user", *std::move(text)));
  }

  void read_result(const RequestObject& block) {
    const std::string& id = block.need_text("tool_use_id");
    if (open_calls_.erase(id) == 0)
      refuse(block.place(), "there is no tool_use {} in the message before, or it has had its result",
             in_quotes(id.substr(0, 80)));
    std::string text;
    const Json* const content = block.find("content");
    if (content != nullptr && content->string() != nullptr) {
      text = *content->string();
    } else if (content != nullptr) {
      const JsonArray* const parts = content->array();
      if (parts == nullptr)
        refuse(block.place_of("content"), "expected a string or a list, got {}", json_kind(*content));
      for (size_t i = 0; i < parts->size(); ++i) {
        if (i > 0) text += "\n\n";
        text += result_text(RequestObject((*parts)[i], fmt::format("{}.content[{}]", block.place(), i)));
      }
    }
    request_.messages.push_back(tool_message(id, std::move(text)));
  }

  std::string result_text(const RequestObject& part) const {
    const std::string& type = part.need_choice("type", {"text", "image", "document", "tool_reference"});
    if (type != "tool_reference") return part_text(part, "user");
    const std::string& name = part.need_text("tool_name");
    if (!tool_names_.contains(name))
      refuse(part.place(), "no tool has the name {}", in_quotes(name.substr(0, 128)));
    return name;
  }

  std::string part_text(const RequestObject& block, std::string_view role) const {
    const std::string& type =
        block.need_choice("type", {"text", "image", "document", "thinking", "redacted_thinking", "tool_use",
                                   "tool_result", "tool_addition"});
    if (type == "text") return block.need_text("text");
    if (role != "system" && type == "image") return image_of(block);
    if (role == "user" && type == "document") return document_text(block);
    refuse(block.place(), "a {} message holds no {} blocks", role, type);
  }

  std::string image_of(const RequestObject& block) const {
    const RequestObject source = block.need_object("source");
    const std::string& type = source.need_choice("type", {"base64", "url", "file"});
    source.need_text(type == "file" ? "file_id" : type == "url" ? "url" : "data");
    return image_text(policy_, block.place());
  }

  std::string document_text(const RequestObject& block) const {
    const RequestObject source = block.need_object("source");
    const std::string& type = source.need_text("type");
    if (type == "text" && !policy_.is_deepseek()) return source.need_text("data");
    const std::string* const media = source.text("media_type");
    return fmt::format("[Unsupported document type: {}]", media == nullptr ? type : *media);
  }

  void read_assistant(const std::vector<RequestObject>& blocks, bool is_last) {
    check_answered();
    std::optional<std::string> reasoning;
    std::optional<std::string> text;
    std::vector<HistoryCall> calls;
    for (const RequestObject& block : blocks) {
      const std::string& type = block.need_text("type");
      if (type == "thinking") {
        const std::string& part = block.need_text("thinking");
        reasoning = reasoning ? *reasoning + "\n\n" + part : part;
      } else if (type == "tool_use") {
        read_call(block, calls);
      } else if (type != "redacted_thinking") {
        const std::string part = part_text(block, "assistant");
        if (!calls.empty()) refuse(block.place(), "text after a tool_use: its tool_result must come next");
        text = text ? *text + "\n\n" + part : part;
      }
    }
    if (is_last && calls.empty() && !policy_.is_deepseek()) {
      request_.continuation = Continuation{reasoning, text.value_or("")};
      return;
    }
    request_.messages.push_back(assistant_message(text.value_or(""), reasoning, calls));
  }

  void read_call(const RequestObject& block, std::vector<HistoryCall>& calls) {
    const std::string& id = block.need_text("id");
    if (!open_calls_.insert(id).second) refuse(block.place_of("id"), "two tool_use blocks have this id");
    calls.push_back({id, block.need_text("name"), dump_json(block.need("input"))});
  }

  // Late system text is a note in the user's turn, or stands for itself.
  void read_system_message(const std::vector<RequestObject>& blocks) {
    check_answered();
    std::optional<std::string> text;
    for (const RequestObject& block : blocks) {
      if (block.need_text("type") == "tool_addition") {
        const RequestObject tool = block.need_object("tool");
        if (!tool_names_.contains(tool.need_text("name"))) refuse(block.place(), "no tool has this name");
        continue;
      }
      const std::string part = part_text(block, "system");
      text = text ? *text + "\n\n" + part : part;
    }
    if (!text) return;
    if (policy_.traits().marks_system) return add_system(request_, policy_, *std::move(text));
    request_.messages.push_back(text_message("user", "<system-reminder>\n" + *text + "\n</system-reminder>"));
  }

  void check_answered() const {
    if (!open_calls_.empty())
      refuse("messages", "the tool_use {} has no tool_result at the start of the next message",
             in_quotes(open_calls_.begin()->substr(0, 80)));
  }

  void read_format() {
    if (policy_.is_deepseek()) return;
    const std::optional<RequestObject> config = body_.object("output_config");
    std::optional<RequestObject> wished = config ? config->object("format") : std::nullopt;
    if (!wished) wished = body_.object("output_format");
    if (!wished) return;
    wished->need_choice("type", {"json_schema"});
    // Its objects must be closed as they stand; nothing is added.
    request_.format = schema_format(wished->need("schema"), false, wished->place_of("schema"));
  }

  void read_limits() {
    request_.max_tokens = read_count(body_, kProtocol, "max_tokens");
    bound_max_tokens(request_, policy_, "max_tokens", true);
    read_sampling(body_, kProtocol, policy_, request_);
    if (const JsonArray* const stop = body_.list("stop_sequences"))
      request_.stop = read_stop(*stop, "stop_sequences");
    request_.stream = read_flag(body_, kProtocol, "stream").value_or(false);
    if (const std::optional<RequestObject> metadata = body_.object("metadata"))
      if (const std::string* const user = metadata->text("user_id")) request_.user = *user;
  }

  RequestObject body_;
  const RequestPolicy& policy_;
  ChatRequest request_;
  bool requires_any_ = false;
  std::set<std::string> tool_names_;
  std::set<std::string> dropped_tools_;  // those of servers
  std::set<std::string> open_calls_;
};

}  // namespace

ChatRequest read_messages_request(const Json& body, const RequestPolicy& policy) {
  return MessagesReader(body, policy).read();
}

}  // namespace hadal
