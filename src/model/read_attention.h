// The attention of one layer, in the kind that the config's member has, out of its tensors.
#pragma once

#include <string>

#include "formats/config.h"
#include "model/model.h"
#include "model/weight_reader.h"

namespace hadal {

// `prefix` names the layer ("layers.3"). `place` is where its state lies among the layers of a sequence.
Attention read_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                         int64_t layer);
// The attention of the block behind the main model, whose state lies alone.
Attention read_mtp_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix);

}  // namespace hadal
