// /openapi.json, from the table of parameters.
#pragma once

#include "base/json.h"

namespace hadal {

Json openapi_document(const std::string& version);

}  // namespace hadal
