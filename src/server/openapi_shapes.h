// The shapes of answers, and of bodies that are not in the table of parameters: components of /openapi.json.
// Fields that an answer may have beside these are not named: clients must live with more.
#pragma once

#include "base/json.h"

namespace hadal {

// Name -> JSON schema.
JsonObject openapi_shapes();

}  // namespace hadal
