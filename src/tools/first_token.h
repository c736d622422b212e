// The time from the start of the program to its first token, measured on a program of its own.
#pragma once

#include <string>

#include "tools/loaded_model.h"

namespace hadal {

// Runs this very program as `hadal run` with a prompt of ten tokens and takes the time from its start to the
// first byte that it prints. The median of a few runs, in seconds. Error(kFailure) if it prints nothing.
double first_token_seconds(const ModelOptions& options);

}  // namespace hadal
