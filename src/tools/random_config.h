// The config.json of a random checkpoint: a preset's sizes, changed by --set, in the published order of keys.
//
// What a preset does not say is Flash's. Nothing here judges sizes: the text goes through parse_config like
// any other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class RandomFormat {
  kBf16,
  kFp8Fp4,  // as published: FP8 matrices with 128x128 scales, FP4 experts
};

// Names of the presets, for help and messages: "tiny", "mid", "large", "flash-shape".
std::vector<std::string> random_presets();

// `sets` are KEY=VALUE with a JSON value. Without num_hash_layers or compress_ratios among them these follow
// num_hidden_layers (Flash's pattern). Error(kUsage) for an unknown preset or key, or a value that is not
// JSON.
std::string random_config_json(std::string_view preset, const std::vector<std::string>& sets,
                               RandomFormat format);

}  // namespace hadal
