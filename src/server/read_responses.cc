// Responses, as OpenAI has it, without state: what a client wants remembered it sends again.
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

constexpr Protocol kProtocol = Protocol::kResponses;
constexpr std::string_view kApplyPatch = "apply_patch";

Json custom_parameters(std::string_view name) {
  JsonObject input;
  input.set("type", "string");
  input.set("description",
            name == kApplyPatch
                ? "The entire contents of the apply_patch command (the *** Begin Patch ... *** "
                  "End Patch envelope)."
                : "What the tool gets, as it is.");
  JsonObject properties;
  properties.set("input", std::move(input));
  JsonObject schema;
  schema.set("type", "object");
  schema.set("additionalProperties", false);
  schema.set("properties", std::move(properties));
  schema.set("required", JsonArray{"input"});
  return schema;
}

// A function as answers repeat it.
Json shown_function(const RequestObject& tool) {
  JsonObject shown;
  shown.set("type", "function");
  for (const char* const key : {"name", "description", "parameters", "strict"}) {
    const Json* const value = tool.find(key);
    shown.set(key, value == nullptr ? Json() : *value);
  }
  return shown;
}

bool is_web_search(std::string_view type) { return type == "web_search" || type == "web_search_2025_08_26"; }

// The tools of a request, those of namespaces under names of their own.
class ToolReader {
 public:
  ToolReader(const RequestPolicy& policy, ChatRequest& request) : policy_(policy), request_(request) {}

  JsonArray shown;  // as answers repeat them

  void read(const JsonArray& tools) {
    // A plain function keeps its name, so those come first.
    for (const Json& tool : tools)
      if (tool.find("type") != nullptr && tool.find("type")->string() != nullptr &&
          *tool.find("type")->string() == "function" && tool.find("name") != nullptr &&
          tool.find("name")->string() != nullptr)
        taken_.insert(*tool.find("name")->string());
    for (size_t i = 0; i < tools.size(); ++i) read_one(RequestObject(tools[i], fmt::format("tools[{}]", i)));
    check_unique_names(request_.tools);
  }

 private:
  void read_one(const RequestObject& tool) {
    const std::string& type = tool.need_text("type");
    if (type == "function") {
      request_.tools.push_back(function_of(tool, tool.need_text("name")));
      shown.push_back(shown_function(tool));
    } else if (type == "custom") {
      request_.tools.push_back(custom_of(tool, tool.need_text("name")));
      shown.push_back(tool.json());
    } else if (type == "namespace") {
      read_namespace(tool);
    } else if (is_web_search(type) && policy_.rejects_responses_web_search) {
      refuse(tool.place(), "this server has no tools of its own");
    }
  }

  static ToolSpec function_of(const RequestObject& tool, const std::string& name) {
    check_tool_name(tool.need_text("name"), tool.place_of("name"));
    tool.flag("defer_loading");
    ToolSpec spec = make_tool(tool.need_text("name"), tool.text("description"), tool.find("parameters"),
                              tool.flag("strict"), tool.place());
    spec.name = name;
    return spec;
  }

  ToolSpec custom_of(const RequestObject& tool, const std::string& shown_name) const {
    const std::string& name = tool.need_text("name");
    const bool is_patch = name == kApplyPatch;
    if (policy_.is_deepseek() && !is_patch)
      refuse(tool.place(), "of custom tools only apply_patch is known, not {}",
             in_quotes(name.substr(0, 80)));
    check_tool_name(name, tool.place_of("name"));
    ToolSpec spec;
    spec.name = shown_name;
    spec.is_custom = true;
    spec.parameters = custom_parameters(name);
    if (is_patch && !policy_.apply_patch_text.empty()) {
      spec.description = policy_.apply_patch_text;
    } else if (const std::string* const description = tool.text("description")) {
      spec.description = *description;
    }
    return spec;
  }

  void read_namespace(const RequestObject& group) {
    const std::string& space = group.need_text("name");
    check_tool_name(space, group.place_of("name"));
    group.text("description");
    const JsonArray& tools = group.need_list("tools");
    JsonArray shown_tools;
    for (size_t i = 0; i < tools.size(); ++i) {
      const RequestObject tool(tools[i], fmt::format("{}.tools[{}]", group.place(), i));
      const bool is_custom = tool.need_choice("type", {"function", "custom"}) == "custom";
      if (is_custom && policy_.is_deepseek()) refuse(tool.place(), "a namespace holds functions only");
      const std::string& local = tool.need_text("name");
      const std::string name =
          free_name(fmt::format("{}{}{}", space, policy_.traits().has_namespaces ? "::" : "__", local));
      request_.tools.push_back(is_custom ? custom_of(tool, name) : function_of(tool, name));
      if (policy_.traits().has_namespaces) describe_namespace(group, request_.tools.back());
      request_.namespaces.emplace_back(name, std::pair(space, local));
      shown_tools.push_back(is_custom ? tool.json() : Json(shown_function(tool)));
    }
    JsonObject out;
    out.set("type", "namespace");
    out.set("name", space);
    out.set("description", group.find("description") == nullptr ? Json() : *group.find("description"));
    out.set("tools", std::move(shown_tools));
    shown.emplace_back(std::move(out));
  }

  // As the encoder does: the namespace's description comes first.
  static void describe_namespace(const RequestObject& group, ToolSpec& tool) {
    const std::string* const description = group.text("description");
    if (description == nullptr || description->empty()) return;
    const std::string own = tool.description.string() != nullptr ? *tool.description.string() : "";
    tool.description = *description + "\n" + own;
  }

  std::string free_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
    return name;
  }

  const RequestPolicy& policy_;
  ChatRequest& request_;
  std::set<std::string> taken_;
};

// Items -> messages: reasoning, text and calls in a row are one turn of the assistant.
class ItemReader {
 public:
  ItemReader(const RequestPolicy& policy, ChatRequest& request) : policy_(policy), request_(request) {}

  void read(const JsonArray& items) {
    for (size_t i = 0; i < items.size(); ++i) read_one(RequestObject(items[i], fmt::format("input[{}]", i)));
    close_turn();
  }

 private:
  struct Turn {
    std::optional<std::string> reasoning;
    std::optional<std::string> text;
    std::vector<HistoryCall> calls;
  };

  void read_one(const RequestObject& item) {
    if (item.json().find("type") == nullptr && item.json().find("role") == nullptr)
      refuse(item.place(), "an item has a type, or a role");
    const std::string type = item.json().find("type") == nullptr ? "message" : item.need_text("type");
    if (type == "message") {
      read_message(item);
    } else if (type == "reasoning") {
      read_reasoning(item);
    } else if (type == "function_call") {
      add_call(item, called_name(item), item.need_text("arguments"));
    } else if (type == "custom_tool_call") {
      add_call(item, called_name(item), "{\"input\": " + json_quoted(item.need_text("input")) + "}");
    } else if (type == "function_call_output" || type == "custom_tool_call_output") {
      read_output(item);
    }
  }

  void read_message(const RequestObject& item) {
    const std::string& role = item.need_choice("role", {"user", "assistant", "system", "developer"});
    const bool is_assistant = role == "assistant";
    std::string text = content_of(item, "content");
    if (is_assistant) {
      check_answered();
      if (!turn_) turn_.emplace();
      turn_->text = turn_->text ? *turn_->text + "\n" + text : text;
      return;
    }
    close_turn();
    if (role == "system" || (role == "developer" && policy_.traits().marks_system)) {
      add_system(request_, policy_, std::move(text));
    } else {
      request_.messages.push_back(text_message("user", std::move(text)));
    }
  }

  std::string content_of(const RequestObject& item, std::string_view key) {
    const Json& content = item.need(key);
    if (content.string() != nullptr) return *content.string();
    const std::string place = item.place_of(key);
    if (content.array() == nullptr) refuse(place, "expected a string or a list, got {}", json_kind(content));
    std::string text;
    for (size_t i = 0; i < content.array()->size(); ++i) {
      if (i > 0) text += "\n\n";
      text += part_text(RequestObject((*content.array())[i], fmt::format("{}[{}]", place, i)));
    }
    return text;
  }

  std::string part_text(const RequestObject& part) const {
    const std::string& type = part.need_text("type");
    if (type == "input_text" || type == "output_text") return part.need_text("text");
    if (type == "refusal" && !policy_.is_deepseek()) return part.need_text("refusal");
    if (type != "input_image" && type != "input_file")
      refuse(part.place_of("type"), "{} is none of input_text, output_text, input_image, input_file",
             in_quotes(type.substr(0, 80)));
    if (type == "input_file") return std::string(kUnsupportedDocument);
    part.text("image_url");
    part.choice("detail", {"low", "high", "original", "auto"});
    return image_text(policy_, part.place());
  }

  // Only content counts: nobody but its maker can read encrypted_content, and a summary is no reasoning.
  void read_reasoning(const RequestObject& item) {
    check_answered();
    if (turn_ && (turn_->text || !turn_->calls.empty())) close_turn();
    if (!turn_) turn_.emplace();
    const JsonArray* const parts = item.list("content");
    for (size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
      const RequestObject part((*parts)[i], fmt::format("{}.content[{}]", item.place(), i));
      const std::string& text = part.need_text("text");
      turn_->reasoning = turn_->reasoning ? *turn_->reasoning + "\n" + text : text;
    }
  }

  std::string called_name(const RequestObject& item) const {
    const std::string& name = item.need_text("name");
    const std::string* const space = item.text("namespace");
    if (space == nullptr) return name;
    const auto known = std::ranges::find_if(request_.namespaces, [&](const auto& entry) {
      return entry.second.first == *space && entry.second.second == name;
    });
    return known != request_.namespaces.end()
               ? known->first
               : *space + (policy_.traits().has_namespaces ? "::" : "__") + name;
  }

  void add_call(const RequestObject& item, std::string name, std::string arguments) {
    const std::string& id = item.need_text("call_id");
    if (!turn_) {
      check_answered();
      turn_.emplace();
    }
    if (!known_calls_.insert(id).second) refuse(item.place_of("call_id"), "two calls have this id");
    open_calls_.insert(id);
    turn_->calls.push_back({id, std::move(name), std::move(arguments)});
  }

  void read_output(const RequestObject& item) {
    const std::string& id = item.need_text("call_id");
    std::string output = content_of(item, "output");
    if (open_calls_.erase(id) == 0)
      refuse(item.place(), "no call {} stands before this output, or it has had one",
             in_quotes(id.substr(0, 80)));
    flush();
    request_.messages.push_back(tool_message(id, std::move(output)));
  }

  void check_answered() {
    if (!open_calls_.empty())
      refuse("input", "the tool call {} has no output right after it",
             in_quotes(open_calls_.begin()->substr(0, 80)));
  }

  // The turn's message; its calls may still be without their outputs.
  void flush() {
    if (!turn_) return;
    request_.messages.push_back(assistant_message(turn_->text.value_or(""), turn_->reasoning, turn_->calls));
    turn_.reset();
  }

  void close_turn() {
    check_answered();
    flush();
  }

  const RequestPolicy& policy_;
  ChatRequest& request_;
  std::optional<Turn> turn_;
  std::set<std::string> known_calls_;
  std::set<std::string> open_calls_;
};

class ResponsesReader {
 public:
  ResponsesReader(const Json& body, const RequestPolicy& policy) : body_(body, ""), policy_(policy) {
    request_.protocol = kProtocol;
  }

  ChatRequest read() && {
    request_.model = body_.need_text("model");
    check_model(request_.model, policy_);
    check_stateless();
    read_reasoning_wish();
    ToolReader tools(policy_, request_);
    tools.read(wished_tools());
    read_tool_choice();
    read_input();
    read_format();
    read_limits();
    check_choice(request_, policy_);
    check_reasoning(request_, policy_, "reasoning_text");
    set_echo(std::move(tools.shown));
    return std::move(request_);
  }

 private:
  // Those of the field, then those that come as items of the input, of which a history may have the same
  // again.
  JsonArray wished_tools() const {
    JsonArray tools;
    if (const JsonArray* const list = body_.list("tools")) tools = *list;
    const Json* const input = body_.find("input");
    if (policy_.is_deepseek() || input == nullptr || input->array() == nullptr) return tools;
    const auto name_of = [](const Json& tool) {
      const Json* const name = tool.find("name");
      return name == nullptr || name->string() == nullptr ? "" : *name->string();
    };
    for (size_t i = 0; i < input->array()->size(); ++i) {
      const Json& item = (*input->array())[i];
      const Json* const type = item.find("type");
      if (type == nullptr || type->string() == nullptr || *type->string() != "additional_tools") continue;
      for (const Json& tool : RequestObject(item, fmt::format("input[{}]", i)).need_list("tools"))
        if (std::ranges::find(tools, name_of(tool), name_of) == tools.end()) tools.push_back(tool);
    }
    return tools;
  }

  // A client that relies on them would lose its history without noticing.
  void check_stateless() const {
    if (policy_.is_deepseek()) return;
    for (const char* const key : {"previous_response_id", "conversation"})
      if (body_.find(key) != nullptr)
        refuse(key, "this server keeps no responses: send the whole input again");
  }

  void read_reasoning_wish() {
    const std::optional<RequestObject> reasoning = body_.object("reasoning");
    const std::string* effort = nullptr;
    if (reasoning) {
      effort = read_effort(*reasoning, "effort");
      reasoning->choice("summary", {"auto", "concise", "detailed"});
    }
    resolve_thinking(std::nullopt, effort, policy_, request_);
  }

  void read_tool_choice() {
    request_.parallel_tool_calls = read_flag(body_, kProtocol, "parallel_tool_calls").value_or(true);
    const Json* const choice = body_.find("tool_choice");
    if (choice == nullptr) return;
    if (choice->string() == nullptr) return read_named_choice(RequestObject(*choice, "tool_choice"));
    const std::string& word = *body_.choice("tool_choice", {"none", "auto", "required"});
    if (word == "none") {
      request_.tools.clear();
      request_.tool_choice = ToolChoice::kNone;
    } else if (word == "required" && !request_.tools.empty()) {
      request_.tool_choice = ToolChoice::kRequired;
    }
  }

  void read_named_choice(const RequestObject& choice) {
    const std::string& type = choice.need_text("type");
    if (type == "allowed_tools" && !policy_.is_deepseek()) return read_allowed_tools(choice);
    if (is_web_search(type)) {
      if (policy_.rejects_responses_web_search) refuse(choice.place(), "this server has no tools of its own");
      return;
    }
    if (type != "function" && type != "custom")
      refuse(choice.place_of("type"), "{} is none of function, custom, web_search",
             in_quotes(type.substr(0, 80)));
    std::string name = choice.need_text("name");
    const std::string* const space = policy_.is_deepseek() ? nullptr : choice.text("namespace");
    for (const auto& [shown, full] : request_.namespaces)
      if (space != nullptr && full.first == *space && full.second == name) name = shown;
    require_tool(request_, name);
  }

  void read_allowed_tools(const RequestObject& choice) {
    std::set<std::string> names;
    const JsonArray& tools = choice.need_list("tools");
    for (size_t i = 0; i < tools.size(); ++i) {
      const RequestObject tool(tools[i], fmt::format("tool_choice.tools[{}]", i));
      if (const std::string* const name = tool.text("name")) names.insert(*name);
    }
    std::erase_if(request_.tools, [&](const ToolSpec& tool) { return !names.contains(tool.name); });
    if (choice.need_choice("mode", {"auto", "required"}) == "required" && !request_.tools.empty())
      request_.tool_choice = ToolChoice::kRequired;
  }

  void read_input() {
    const std::string* const instructions = body_.text("instructions");
    if (instructions != nullptr) append_paragraph(request_.system, *instructions);
    const Json* const input = body_.find("input");
    if (input == nullptr) {
      if (instructions == nullptr) refuse("input", "input or instructions must be given");
    } else if (input->string() != nullptr) {
      request_.messages.push_back(text_message("user", *input->string()));
    } else if (input->array() != nullptr) {
      if (input->array()->empty()) refuse("input", "the list is empty");
      ItemReader(policy_, request_).read(*input->array());
    } else {
      refuse("input", "expected a string or a list, got {}", json_kind(*input));
    }
  }

  void read_format() {
    const std::optional<RequestObject> text = body_.object("text");
    if (!text) return;
    text->choice("verbosity", {"low", "medium", "high"});
    const std::optional<RequestObject> wished = text->object("format");
    if (!wished) return;
    const std::string& type = wished->need_choice("type", {"text", "json_schema", "json_object"});
    if (type == "json_object") {
      if (!messages_mention_json(request_))
        refuse("text.format", "json_object needs the word json in the input, or the model would not know");
      request_.format.kind = ResponseFormat::Kind::kJsonObject;
    } else if (type == "json_schema") {
      wished->need_text("name");
      wished->text("description");
      request_.format =
          schema_format(wished->need("schema"), wished->flag("strict").value_or(false), "text.format.schema");
    }
  }

  void read_limits() {
    request_.max_tokens = read_count(body_, kProtocol, "max_output_tokens");
    bound_max_tokens(request_, policy_, "max_output_tokens", false);
    read_sampling(body_, kProtocol, policy_, request_);
    request_.sampling.top_logprobs = read_count(body_, kProtocol, "top_logprobs");
    request_.sampling.logprobs = request_.sampling.top_logprobs.has_value();
    request_.stream = read_flag(body_, kProtocol, "stream").value_or(false);
    if (const std::string* const user = body_.text("user")) request_.user = *user;
  }

  Json echoed(std::string_view key) const {
    const Json* const value = body_.find(key);
    return value == nullptr ? Json() : *value;
  }

  void set_echo(JsonArray tools) {
    JsonObject echo;
    echo.set("instructions", echoed("instructions"));
    echo.set("max_output_tokens", echoed("max_output_tokens"));
    echo.set("temperature", request_.sampling.temperature.value_or(1.0));
    echo.set("top_p", request_.sampling.top_p.value_or(1.0));
    echo.set("top_logprobs", static_cast<int64_t>(request_.sampling.top_logprobs.value_or(0)));
    echo.set("user", echoed("user"));
    request_.echo = std::move(echo);

    JsonObject& settings = request_.response_settings;
    const std::optional<RequestObject> reasoning = body_.object("reasoning");
    JsonObject shown_reasoning;
    for (const char* const key : {"effort", "summary"}) {
      const Json* const value = reasoning ? reasoning->find(key) : nullptr;
      shown_reasoning.set(key, value == nullptr ? Json() : *value);
    }
    settings.set("reasoning", std::move(shown_reasoning));
    const std::optional<RequestObject> text = body_.object("text");
    const Json* const format = text ? text->find("format") : nullptr;
    const Json* const verbosity = text ? text->find("verbosity") : nullptr;
    JsonObject plain;
    plain.set("type", "text");
    JsonObject shown_text;
    shown_text.set("format", format == nullptr ? Json(std::move(plain)) : *format);
    shown_text.set("verbosity", verbosity == nullptr ? Json() : *verbosity);
    settings.set("text", std::move(shown_text));
    settings.set("tool_choice", body_.find("tool_choice") == nullptr ? Json("auto") : echoed("tool_choice"));
    settings.set("tools", std::move(tools));
  }

  RequestObject body_;
  const RequestPolicy& policy_;
  ChatRequest request_;
};

}  // namespace

ChatRequest read_responses_request(const Json& body, const RequestPolicy& policy) {
  return ResponsesReader(body, policy).read();
}

}  // namespace hadal
