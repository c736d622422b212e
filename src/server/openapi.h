// /openapi.json, from the table of parameters and the shapes of answers.
#pragma once

#include "base/json.h"

namespace hadal {

// `with_page`: with the routes of the page's chats.
Json openapi_document(const std::string& version, bool with_page);

}  // namespace hadal
