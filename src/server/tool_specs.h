// Tools and wished formats of requests: their names and JSON schemas checked, strict ones closed, and what a
// grammar engine shall enforce, as text.
#pragma once

#include <string>
#include <vector>

#include "server/chat_request.h"
#include "server/request_json.h"

namespace hadal {

// 1 to 128 of a-z, A-Z, 0-9, _ and -.
void check_tool_name(const std::string& name, const std::string& place);

// Whether a value is a JSON Schema as far as its keywords' kinds say; RequestError(400) starting with `what`.
void check_schema(const Json& schema, const std::string& what);

// A schema of a strict tool or format: every object takes exactly its properties, all of them.
Json closed_schema(const Json& schema, const std::string& what);

// The parts of a function that every protocol knows, under its own names. `parameters` may be null (none).
ToolSpec make_tool(const std::string& name, const std::string* description, const Json* parameters,
                   std::optional<bool> strict, const std::string& place);

void check_unique_names(const std::vector<ToolSpec>& tools);

// Leaves only the tool of this name and requires a call.
void require_tool(ChatRequest& request, const std::string& name);

// json_schema of any protocol. `schema` as sent.
ResponseFormat schema_format(const Json& schema, bool strict, const std::string& place);

// [{"type":"function","function":{...}}, ...] without blanks.
Json tools_json(const std::vector<ToolSpec>& tools);

// json.dumps without blanks, as constraints are written.
std::string compact_json(const Json& value);

}  // namespace hadal
