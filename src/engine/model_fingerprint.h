// What tells states of one model from those of another: the name under which a disk cache keeps them.
#pragma once

#include <string>
#include <string_view>

#include "model/model.h"
#include "ops/device.h"

namespace hadal {

// Hex digits of a SHA-256 over the config, the weights (formats/checkpoint_fingerprint.h), the numerics, the
// form of a state and the fingerprint of the adapter that the model runs with (empty: none). Threads and
// instruction sets are not in it: they change no bit.
std::string model_fingerprint(const Model& model, Numerics numerics, std::string_view adapter = "");

}  // namespace hadal
