#include "server/openapi.h"

#include <initializer_list>
#include <utility>

#include "server/openapi_shapes.h"
#include "server/parameters.h"
#include "server/request_json.h"

namespace hadal {
namespace {

Json schema_of(const RequestParameter& parameter) {
  JsonObject schema;
  constexpr const char* kTypes[] = {"number", "integer", "boolean", "string", "array", "object", ""};
  const std::string type = kTypes[static_cast<size_t>(parameter.type)];
  if (!type.empty()) schema.set("type", JsonArray{type, "null"});
  if (parameter.type == ParameterType::kList) schema.set("items", JsonObject());
  if (parameter.has_range()) {
    schema.set(parameter.above_min ? "exclusiveMinimum" : "minimum", parameter.min);
    schema.set("maximum", parameter.max);
  }
  if (!parameter.default_text.empty()) {
    const std::optional<Json> value = parse_json(parameter.default_text);
    schema.set("default", value ? *value : Json(parameter.default_text));
  }
  schema.set("description", parameter.doc);
  return schema;
}

// Fields that a request cannot do without.
bool is_required(std::string_view name) { return name == "model" || name == "messages" || name == "prompt"; }

Json body_schema(Protocol protocol) {
  JsonObject properties;
  JsonArray required;
  for (const RequestParameter& parameter : request_parameters()) {
    if (!parameter.belongs_to(protocol)) continue;
    properties.set(std::string(parameter.name), schema_of(parameter));
    if (is_required(parameter.name)) required.emplace_back(parameter.name);
  }
  return object_of(
      {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}});
}

Json reference(const char* kind, std::string_view name) {
  return object_of({{"$ref", "#/components/" + std::string(kind) + "/" + std::string(name)}});
}

Json json_content(Json schema) {
  return object_of({{"application/json", object_of({{"schema", std::move(schema)}})}});
}

Json any_of(std::initializer_list<std::string_view> shapes) {
  JsonArray all;
  for (const std::string_view shape : shapes) all.push_back(reference("schemas", shape));
  return object_of({{"anyOf", std::move(all)}});
}

struct Refusal {
  const char* status;
  const char* description;
};

// Any path may answer with these. What comes before the path is known has the form of OpenAI's errors.
constexpr Refusal kRefusals[] = {
    {"400", "Something in the request is wrong; param names the field."},
    {"401", "A key is needed."},
    {"403", "This host or origin may not ask."},
    {"404", "There is no such thing here."},
    {"405", "The path takes another method."},
    {"408", "The body did not come in time."},
    {"409", "Somebody else has changed it."},
    {"413", "The body, or what would be stored, is too large."},
    {"414", "The path is too long."},
    {"415", "The body is encoded in a way that is not read."},
    {"417", "The header Expect asks for what is unknown here."},
    {"429", "Too many requests wait; see Retry-After."},
    {"431", "The headers are too long."},
    {"500", "The server failed; the message says how."},
    {"503", "The server is loading or stopping, or too busy; see Retry-After."},
    {"504", "The request took longer than requests may here."},
};

JsonObject refusals() {
  JsonObject all;
  for (const Refusal& refusal : kRefusals)
    all.set(refusal.status, object_of({{"description", refusal.description},
                                       {"content", json_content(any_of({"Error", "MessagesError"}))}}));
  return all;
}

struct Operation {
  const char* method;
  const char* path;
  const char* summary;
  const char* answer;     // a shape
  const char* body = "";  // a shape; empty: without
  bool streams = false;
  const char* status = "200";
};

constexpr Operation kOperations[] = {
    {"post", "/v1/chat/completions", "Chat Completions", "ChatCompletion", "ChatRequest", true},
    {"post", "/v1/completions", "Completions", "Completion", "CompletionRequest", true},
    {"post", "/v1/responses", "Responses", "Response", "ResponsesRequest", true},
    {"post", "/v1/messages", "Messages", "Message", "MessagesRequest", true},
    {"post", "/v1/messages/count_tokens", "The tokens of a prompt", "TokenCount", "MessagesRequest"},
    {"post", "/apply-template", "What would be done with a request", "Plan", "AnyRequest"},
    {"post", "/tokenize", "Text to token ids", "Tokens", "TokenizeRequest"},
    {"post", "/detokenize", "Token ids to text", "Text", "DetokenizeRequest"},
    {"get", "/v1/models", "The models", "Models"},
    {"get", "/v1/models/{model}", "A model", "Model"},
    {"get", "/health", "Is it alive?", "Status"},
    {"get", "/ready", "Does it take requests?", "Status"},
    {"get", "/props", "Settings", "Props"},
    {"get", "/openapi.json", "This document", "Document"},
};

// Only where the page's chats are kept.
constexpr Operation kPageOperations[] = {
    {"get", "/api/conversations", "The page's chats, the latest first", "Conversations"},
    {"post", "/api/conversations", "A new chat", "ConversationSummary", "ConversationChange", false, "201"},
    {"get", "/api/conversations/export", "All chats", "ConversationExport"},
    {"post", "/api/conversations/import", "Chats of an export, under new ids", "Conversations",
     "ConversationExport", false, "201"},
    {"get", "/api/conversations/{id}", "A chat", "Conversation"},
    {"patch", "/api/conversations/{id}", "Change a chat, of which the version is named",
     "ConversationSummary", "ConversationChange"},
    {"delete", "/api/conversations/{id}", "Delete a chat", "Nothing"},
};

Json parameter(const char* place, std::string_view name, Json schema) {
  return object_of({{"in", place},
                    {"name", name},
                    {"required", std::string_view(place) == "path"},
                    {"schema", std::move(schema)}});
}

JsonArray parameters_of(std::string_view path, std::string_view method) {
  JsonArray all;
  if (path == "/apply-template")
    all.push_back(parameter("query", "protocol",
                            object_of({{"enum", JsonArray{"chat", "completions", "responses", "messages"}},
                                       {"default", "chat"}})));
  if (path == "/api/conversations" && method == "get") {
    all.push_back(parameter("query", "search", object_of({{"type", "string"}})));
    for (const char* const name : {"limit", "offset"})
      all.push_back(parameter("query", name, object_of({{"type", "integer"}, {"minimum", 0}})));
  }
  for (const std::string_view name : {"id", "model"})
    if (path.find("{" + std::string(name) + "}") != std::string_view::npos)
      all.push_back(parameter("path", name, object_of({{"type", "string"}})));
  return all;
}

Json shown(const Operation& operation) {
  JsonObject content = *json_content(reference("schemas", operation.answer)).object();
  if (operation.streams)
    content.set("text/event-stream", object_of({{"schema", reference("schemas", "Event")}}));
  JsonObject answers = object_of(
      {{operation.status, object_of({{"description", "The answer"}, {"content", std::move(content)}})}});
  for (const Refusal& refusal : kRefusals)
    answers.set(refusal.status, reference("responses", refusal.status));
  JsonObject all = object_of({{"summary", operation.summary}, {"responses", std::move(answers)}});
  if (JsonArray parameters = parameters_of(operation.path, operation.method); !parameters.empty())
    all.set("parameters", std::move(parameters));
  if (*operation.body != '\0')
    all.set("requestBody",
            object_of({{"required", true}, {"content", json_content(reference("schemas", operation.body))}}));
  return all;
}

void add(const Operation& operation, JsonObject& paths) {
  const Json* const known = paths.find(operation.path);
  JsonObject methods = known == nullptr ? JsonObject() : *known->object();
  methods.set(operation.method, shown(operation));
  paths.set(operation.path, std::move(methods));
}

JsonObject shapes() {
  JsonObject all = openapi_shapes();
  constexpr std::pair<const char*, Protocol> kBodies[] = {{"ChatRequest", Protocol::kChat},
                                                          {"CompletionRequest", Protocol::kCompletions},
                                                          {"ResponsesRequest", Protocol::kResponses},
                                                          {"MessagesRequest", Protocol::kMessages}};
  for (const auto& [name, protocol] : kBodies) all.set(name, body_schema(protocol));
  all.set("AnyRequest", any_of({"ChatRequest", "CompletionRequest", "ResponsesRequest", "MessagesRequest"}));
  return all;
}

}  // namespace

Json openapi_document(const std::string& version, bool with_page) {
  JsonObject paths;
  for (const Operation& operation : kOperations) add(operation, paths);
  if (with_page)
    for (const Operation& operation : kPageOperations) add(operation, paths);
  Json metrics = object_of({{"description", "The numbers"},
                            {"content", object_of({{"text/plain", object_of({{"schema", JsonObject()}})}})}});
  JsonObject answers = object_of({{"200", std::move(metrics)}});
  for (const Refusal& refusal : kRefusals)
    answers.set(refusal.status, reference("responses", refusal.status));
  paths.set("/metrics", object_of({{"get", object_of({{"summary", "Numbers for Prometheus"},
                                                      {"responses", std::move(answers)}})}}));
  const JsonObject key = object_of({{"type", "http"}, {"scheme", "bearer"}});
  return object_of({{"openapi", "3.1.0"},
                    {"info", object_of({{"title", "hadal"}, {"version", version}})},
                    {"paths", std::move(paths)},
                    {"components", object_of({{"schemas", shapes()},
                                              {"responses", refusals()},
                                              {"securitySchemes", object_of({{"key", key}})}})},
                    {"security", JsonArray{JsonObject(), object_of({{"key", JsonArray()}})}}});
}

}  // namespace hadal
