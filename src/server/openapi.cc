#include "server/openapi.h"

#include <utility>

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

Json json_content(Json schema) {
  return object_of({{"application/json", object_of({{"schema", std::move(schema)}})}});
}

Json answer(const char* description, bool streams) {
  JsonObject any = object_of({{"type", "object"}});
  Json content = json_content(any);
  if (streams) {
    JsonObject both = *content.object();
    both.set("text/event-stream", object_of({{"schema", object_of({{"type", "string"}})}}));
    content = Json(std::move(both));
  }
  return object_of({{"description", description}, {"content", std::move(content)}});
}

Json answers(bool streams) {
  JsonObject all;
  all.set("200", answer("The answer.", streams));
  for (const auto& [status, text] :
       {std::pair("400", "Something in the request is wrong; param names the field."),
        std::pair("401", "A key is needed."), std::pair("403", "This host or origin may not ask."),
        std::pair("404", "There is no such thing here."), std::pair("405", "The path takes another method."),
        std::pair("413", "The body is too large."),
        std::pair("415", "The body is encoded in a way that is not read."),
        std::pair("429", "Too many requests wait; see Retry-After."),
        std::pair("503", "The server is loading or stopping; see Retry-After.")})
    all.set(status, answer(text, false));
  return all;
}

Json post(const char* summary, Json schema, bool streams) {
  return object_of(
      {{"post", object_of({{"summary", summary},
                           {"requestBody",
                            object_of({{"required", true}, {"content", json_content(std::move(schema))}})},
                           {"responses", answers(streams)}})}});
}

Json get(const char* summary, const char* type) {
  JsonObject all = *answers(false).object();
  all.set("200", object_of({{"description", "The answer."},
                            {"content", object_of({{type, object_of({{"schema", JsonObject()}})}})}}));
  return object_of({{"get", object_of({{"summary", summary}, {"responses", std::move(all)}})}});
}

}  // namespace

Json openapi_document(const std::string& version) {
  JsonObject paths;
  paths.set("/v1/chat/completions", post("Chat Completions", body_schema(Protocol::kChat), true));
  paths.set("/v1/completions", post("Completions", body_schema(Protocol::kCompletions), true));
  paths.set("/v1/responses", post("Responses", body_schema(Protocol::kResponses), true));
  paths.set("/v1/messages", post("Messages", body_schema(Protocol::kMessages), true));
  paths.set("/v1/messages/count_tokens",
            post("The tokens of a prompt", body_schema(Protocol::kMessages), false));
  paths.set("/apply-template",
            post("What would be done with a request", body_schema(Protocol::kChat), false));
  const JsonObject text = object_of({{"type", "object"}});
  paths.set("/tokenize", post("Text to token ids: content or prompt, add_special, with_pieces", text, false));
  paths.set("/detokenize", post("Token ids to text: tokens", text, false));
  for (const auto& [path, summary] :
       {std::pair("/v1/models", "The models."), std::pair("/health", "Is it alive?"),
        std::pair("/ready", "Does it take requests?"), std::pair("/props", "Settings."),
        std::pair("/openapi.json", "This document.")})
    paths.set(path, get(summary, "application/json"));
  paths.set("/metrics", get("Numbers for Prometheus.", "text/plain"));
  return object_of({{"openapi", "3.1.0"},
                    {"info", object_of({{"title", "hadal"}, {"version", version}})},
                    {"paths", std::move(paths)}});
}

}  // namespace hadal
