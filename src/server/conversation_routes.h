// The JSON routes of the web page's conversations (web/API.md), as a table that an HTTP server mounts.
//
// A handler never throws: bad requests, conflicts and a failing disk are answers in OpenAI's error form. It
// may take milliseconds of disk time. Authentication, the limit on bodies and the check of Origin come before
// it; the namespace is what the server derives from the caller's key.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/conversations.h"

namespace hadal {

struct PageRequest {
  std::string_view name_space;
  std::string_view id;     // the last part of the path, where the route has {id}
  std::string_view query;  // after "?", as sent
  std::string_view body;
};

struct PageAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

struct PageRoute {
  std::string_view method;
  std::string_view path;  // "{id}" stands for one part
  std::function<PageAnswer(const PageRequest&)> handle;
};

// `store` outlives the table.
std::vector<PageRoute> conversation_routes(ConversationStore& store);

// The answer of the route that fits the path (without the query): 405 when only the method is wrong, nothing
// when no path fits.
std::optional<PageAnswer> answer_page_route(const std::vector<PageRoute>& routes, std::string_view method,
                                            std::string_view path, PageRequest request);

}  // namespace hadal
