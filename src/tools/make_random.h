// make-random: a random checkpoint in the official layout, for tests and timings.
//
// The same options give the same bytes on every machine. Tensors are made a few megabytes at a time, so the
// memory needed does not depend on the size of the model; the folder holds what the published ones hold
// (config.json, generation_config.json, tokenizer.json, model.safetensors or shards with their index).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/random_config.h"

namespace hadal {

struct MakeRandomOptions {
  std::string preset = "tiny";
  std::vector<std::string> sets;  // KEY=VALUE for config.json
  RandomFormat format = RandomFormat::kBf16;
  uint64_t seed = 1;
  int threads = 1;
  uint64_t shard_bytes = uint64_t{4} << 30;  // no file gets larger, unless one tensor is
};

struct MakeRandomResult {
  int64_t tensors = 0;
  int64_t parameters = 0;  // scales are none
  uint64_t tensor_bytes = 0;
  int64_t files = 0;  // of tensors
};

// Writes into `dir`, made if absent. Error(kUsage) for options that name no legal model and for a folder that
// holds a checkpoint made by something else; Error(kIo) where it cannot be written, or the disk has no room
// for it.
MakeRandomResult make_random(const std::string& dir, const MakeRandomOptions& options);

}  // namespace hadal
