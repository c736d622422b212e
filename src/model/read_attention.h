// The attention of one layer, in the kind that the config's member has, out of its tensors.
#pragma once

#include <string>

#include "formats/config.h"
#include "model/model.h"
#include "model/weight_reader.h"

namespace hadal {

// `prefix` names the layer ("layers.3").
Attention read_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                         int64_t layer);
// The attention of a drafter's layer: a window only, or MLA. `place` is where its state lies among the
// drafter's layers.
Attention read_drafter_attention(WeightReader& reader, const ModelConfig& config, const std::string& prefix,
                                 int64_t place);

}  // namespace hadal
