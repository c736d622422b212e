// The config.json of a random checkpoint: a preset's sizes, changed by --set, in the published order of keys.
//
// What a preset does not say is its model's (Flash, V3.2, V4.1). Nothing here judges sizes: the text goes
// through parse_config like any other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class RandomFormat {
  kBf16,
  kFp8Fp4,  // as published: FP8 matrices with scales of tiles, FP4 experts (V3.2: FP8 too)
};

// Names of the presets, for help and messages: "tiny", "mid", "large", "flash-shape", "v32-tiny",
// "v41-large", ...
std::vector<std::string> random_presets();

// `sets` are KEY=VALUE with a JSON value. Without num_hash_layers or compress_ratios among them these follow
// num_hidden_layers (Flash's pattern); so do Engram's numbers of classes and rows what they are made of.
// Error(kUsage) for an unknown preset or key, or a value that is not JSON.
std::string random_config_json(std::string_view preset, const std::vector<std::string>& sets,
                               RandomFormat format);

}  // namespace hadal
