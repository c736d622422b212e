// What tells states of one model from those of another: the name under which a disk cache keeps them.
#pragma once

#include <string>

#include "model/model.h"
#include "ops/device.h"

namespace hadal {

// Hex digits of a SHA-256 over the config, every tensor's name, type and shape, samples of the weights'
// bytes (up to 256 tensors, so that a big model costs a moment), the numerics and the form of a state.
// Threads and instruction sets are not in it: they change no bit.
std::string model_fingerprint(const Model& model, Numerics numerics);

}  // namespace hadal
