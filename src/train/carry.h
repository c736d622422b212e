// A run's carry file: little enough to take to another machine, which goes on from it.
//
// One safetensors file: the weights rounded as the official layout has them in BF16, the hash tables, and in
// the metadata config.json, tokenizer.json and the state (step, data position, settings). No momentum and no
// masters: what goes on from it is a declared restart, not the run to the bit.
#pragma once

#include <string>

#include "train/run_folder.h"

namespace hadal {

// Of a run's checkpoint.
void write_carry(const std::string& checkpoint, const std::string& path);
// As a model's folder; returns where the run stood. Error(kInvalidModel) for anything but a carry file.
RunState unpack_carry(const std::string& path, const std::string& dir);

}  // namespace hadal
