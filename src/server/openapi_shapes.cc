#include "server/openapi_shapes.h"

#include <optional>

#include "base/check.h"

namespace hadal {
namespace {

constexpr const char* kShapes = R"json({
"Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
  "required": ["message", "type", "param", "code"], "properties": {"message": {"type": "string"},
  "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}},
"MessagesError": {"type": "object", "required": ["type", "error"], "properties": {"type": {"const": "error"},
  "error": {"type": "object", "required": ["type", "message"],
  "properties": {"type": {"type": "string"}, "message": {"type": "string"}}}}},

"Event": {"type": "object", "required": ["data"],
  "properties": {"event": {"type": "string"}, "data": {"type": "string"}}},

"Usage": {"type": "object", "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
  "properties": {"prompt_tokens": {"$ref": "#/components/schemas/Count"},
  "completion_tokens": {"$ref": "#/components/schemas/Count"},
  "total_tokens": {"$ref": "#/components/schemas/Count"},
  "prompt_cache_hit_tokens": {"$ref": "#/components/schemas/Count"},
  "prompt_cache_miss_tokens": {"$ref": "#/components/schemas/Count"},
  "prompt_tokens_details": {"type": "object", "required": ["cached_tokens"],
    "properties": {"cached_tokens": {"$ref": "#/components/schemas/Count"}}},
  "completion_tokens_details": {"type": "object", "required": ["reasoning_tokens"],
    "properties": {"reasoning_tokens": {"$ref": "#/components/schemas/Count"}}}}},
"Count": {"type": "integer", "minimum": 0},
"TokenLogprob": {"type": "object", "required": ["token", "logprob", "bytes", "top_logprobs"],
  "properties": {"token": {"type": "string"}, "logprob": {"type": "number", "maximum": 0},
  "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
  "top_logprobs": {"type": "array", "maxItems": 20, "items": {"type": "object",
    "required": ["token", "logprob", "bytes"]}}}},

"ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
  "properties": {"id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
  "model": {"type": "string"}, "system_fingerprint": {"type": ["string", "null"]},
  "usage": {"$ref": "#/components/schemas/Usage"},
  "choices": {"type": "array", "minItems": 1, "items": {"type": "object",
    "required": ["index", "message", "logprobs", "finish_reason"], "properties": {
    "index": {"$ref": "#/components/schemas/Count"},
    "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter"]},
    "logprobs": {"type": ["object", "null"], "properties": {
      "content": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}},
      "reasoning_content": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}}}},
    "message": {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "assistant"},
      "content": {"type": ["string", "null"]}, "reasoning_content": {"type": "string"},
      "tool_calls": {"type": "array", "minItems": 1, "items": {"type": "object",
        "required": ["index", "id", "type", "function"], "properties": {
        "index": {"$ref": "#/components/schemas/Count"}, "id": {"type": "string"}, "type": {"const": "function"},
        "function": {"type": "object", "required": ["name", "arguments"],
          "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}}}}}}}}}}}}},

"Completion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
  "properties": {"id": {"type": "string"}, "object": {"const": "text_completion"}, "created": {"type": "integer"},
  "model": {"type": "string"}, "system_fingerprint": {"type": ["string", "null"]},
  "usage": {"$ref": "#/components/schemas/Usage"},
  "choices": {"type": "array", "minItems": 1, "items": {"type": "object",
    "required": ["index", "text", "logprobs", "finish_reason"], "properties": {
    "index": {"$ref": "#/components/schemas/Count"}, "text": {"type": "string"},
    "finish_reason": {"enum": ["stop", "length", "content_filter"]},
    "logprobs": {"type": ["object", "null"], "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"],
      "properties": {"tokens": {"type": "array", "items": {"type": "string"}},
      "token_logprobs": {"type": "array", "items": {"type": ["number", "null"]}},
      "top_logprobs": {"type": "array", "items": {"type": ["object", "null"]}},
      "text_offset": {"type": "array", "items": {"$ref": "#/components/schemas/Count"}}}}}}}}},

"Response": {"type": "object", "required": ["id", "object", "created_at", "status", "model", "output", "usage", "error",
    "incomplete_details", "tools", "tool_choice"],
  "properties": {"id": {"type": "string"}, "object": {"const": "response"}, "created_at": {"type": "integer"},
  "completed_at": {"type": ["integer", "null"]}, "status": {"enum": ["completed", "incomplete"]},
  "model": {"type": "string"}, "error": {"type": "null"}, "tools": {"type": "array"}, "store": {"const": false},
  "incomplete_details": {"type": ["object", "null"], "required": ["reason"],
    "properties": {"reason": {"enum": ["max_output_tokens", "content_filter"]}}},
  "output": {"type": "array", "items": {"type": "object", "required": ["type", "id", "status"],
    "properties": {"type": {"enum": ["reasoning", "message", "function_call", "custom_tool_call"]},
    "id": {"type": "string"}, "status": {"enum": ["completed", "incomplete"]}}}},
  "usage": {"type": "object", "required": ["input_tokens", "output_tokens", "total_tokens"], "properties": {
    "input_tokens": {"$ref": "#/components/schemas/Count"}, "output_tokens": {"$ref": "#/components/schemas/Count"},
    "total_tokens": {"$ref": "#/components/schemas/Count"},
    "input_tokens_details": {"type": "object", "required": ["cached_tokens"]},
    "output_tokens_details": {"type": "object", "required": ["reasoning_tokens"]}}}}},

"Message": {"type": "object", "required": ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence",
    "usage"],
  "properties": {"id": {"type": "string"}, "type": {"const": "message"}, "role": {"const": "assistant"},
  "model": {"type": "string"}, "stop_sequence": {"type": ["string", "null"]},
  "stop_reason": {"enum": ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]},
  "content": {"type": "array", "items": {"anyOf": [
    {"type": "object", "required": ["type", "text"],
      "properties": {"type": {"const": "text"}, "text": {"type": "string"}}},
    {"type": "object", "required": ["type", "thinking", "signature"], "properties": {"type": {"const": "thinking"},
      "thinking": {"type": "string"}, "signature": {"type": "string"}}},
    {"type": "object", "required": ["type", "id", "name", "input"], "properties": {"type": {"const": "tool_use"},
      "id": {"type": "string"}, "name": {"type": "string"}, "input": {"type": "object"}}}]}},
  "usage": {"type": "object", "required": ["input_tokens", "output_tokens"], "properties": {
    "input_tokens": {"$ref": "#/components/schemas/Count"}, "output_tokens": {"$ref": "#/components/schemas/Count"},
    "cache_read_input_tokens": {"$ref": "#/components/schemas/Count"},
    "cache_creation_input_tokens": {"$ref": "#/components/schemas/Count"}}}}},
"TokenCount": {"type": "object", "required": ["input_tokens"],
  "properties": {"input_tokens": {"$ref": "#/components/schemas/Count"}}},

"Plan": {"type": "object", "required": ["prompt", "segments", "token_ids", "n_tokens", "thinking", "effort", "tools",
    "tool_choice", "response_format", "constraint", "inference", "parsing", "stream"],
  "properties": {"prompt": {"type": "string"}, "n_tokens": {"$ref": "#/components/schemas/Count"},
  "token_ids": {"type": "array", "items": {"$ref": "#/components/schemas/Count"}}, "thinking": {"type": "boolean"},
  "effort": {"type": ["string", "null"]}, "tools": {"type": "array"},
  "tool_choice": {"enum": ["auto", "none", "required"]}, "response_format": {"type": "object", "required": ["type"]},
  "constraint": {"type": ["object", "null"]}, "inference": {"type": "object"}, "parsing": {"type": "object"},
  "stream": {"type": "boolean"},
  "segments": {"type": "array", "items": {"type": "object", "required": ["type", "begin", "end"], "properties": {
    "type": {"enum": ["markup", "content"]}, "begin": {"$ref": "#/components/schemas/Count"},
    "end": {"$ref": "#/components/schemas/Count"}}}}}},

"Model": {"type": "object", "required": ["id"], "anyOf": [{"required": ["object", "created", "owned_by"]},
    {"required": ["type", "display_name", "created_at"]}],
  "properties": {"id": {"type": "string"}, "object": {"const": "model"}, "type": {"const": "model"},
  "context_window": {"$ref": "#/components/schemas/Count"}}},
"Models": {"type": "object", "required": ["data"], "anyOf": [{"required": ["object"]}, {"required": ["has_more"]}],
  "properties": {"object": {"const": "list"},
  "data": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Model"}}}},

"TokenizeRequest": {"type": "object", "anyOf": [{"required": ["content"]}, {"required": ["prompt"]}],
  "properties": {"content": {"type": "string"}, "prompt": {"type": "string"}, "add_special": {"type": "boolean"},
  "parse_special": {"type": "boolean"}, "with_pieces": {"type": "boolean"}}},
"Tokens": {"type": "object", "required": ["tokens", "count"], "properties": {
  "count": {"$ref": "#/components/schemas/Count"}, "max_model_len": {"$ref": "#/components/schemas/Count"},
  "tokens": {"type": "array", "items": {"anyOf": [{"$ref": "#/components/schemas/Count"},
    {"type": "object", "required": ["id", "piece"]}]}}}},
"DetokenizeRequest": {"type": "object", "required": ["tokens"],
  "properties": {"tokens": {"type": "array", "items": {"$ref": "#/components/schemas/Count"}}}},
"Text": {"type": "object", "required": ["content"], "properties": {"content": {"type": "string"}}},

"Status": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
"Props": {"type": "object", "required": ["model", "n_ctx", "n_vocab", "dialect", "version"], "properties": {
  "model": {"type": "string"}, "n_ctx": {"$ref": "#/components/schemas/Count"},
  "n_vocab": {"$ref": "#/components/schemas/Count"}, "dialect": {"enum": ["default", "deepseek"]},
  "version": {"type": "string"}}},
"Document": {"type": "object", "required": ["openapi", "info", "paths"]},

"StoredMessage": {"type": "object", "required": ["id", "role"], "properties": {
  "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "parent": {"type": ["string", "null"]},
  "role": {"enum": ["user", "assistant", "tool", "system"]}}},
"ConversationChange": {"type": "object", "properties": {"title": {"type": "string", "maxLength": 1024},
  "settings": {"type": "object"}, "current": {"type": "string"},
  "messages": {"type": "array", "items": {"$ref": "#/components/schemas/StoredMessage"}},
  "removed": {"type": "array", "items": {"type": "string"}},
  "version": {"type": "integer", "minimum": 0}}},
"ConversationSummary": {"type": "object",
  "required": ["id", "title", "version", "created_ms", "updated_ms", "message_count"],
  "properties": {"id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "title": {"type": "string"},
  "version": {"$ref": "#/components/schemas/Count"}, "created_ms": {"$ref": "#/components/schemas/Count"},
  "updated_ms": {"$ref": "#/components/schemas/Count"}, "message_count": {"$ref": "#/components/schemas/Count"},
  "excerpt": {"type": "string"}}},
"Conversation": {"allOf": [{"$ref": "#/components/schemas/ConversationSummary"}, {"type": "object",
  "required": ["current", "settings", "messages"], "properties": {"current": {"type": ["string", "null"]},
  "settings": {"type": "object"},
  "messages": {"type": "array", "items": {"$ref": "#/components/schemas/StoredMessage"}}}}]},
"Conversations": {"type": "object", "required": ["conversations"], "properties": {
  "conversations": {"type": "array", "items": {"$ref": "#/components/schemas/ConversationSummary"}}}},
"ConversationExport": {"type": "object", "required": ["format", "conversations"], "properties": {
  "format": {"const": "hadal.conversations"}, "version": {"const": 1},
  "conversations": {"type": "array", "items": {"type": "object"}}}},
"Nothing": {"type": "object", "maxProperties": 0}
})json";

}  // namespace

JsonObject openapi_shapes() {
  const std::optional<Json> shapes = parse_json(kShapes);
  CHECK(shapes && shapes->object() != nullptr);
  return *shapes->object();
}

}  // namespace hadal
