// The drafter of a checkpoint out of its tensors: an MTP block or DSpark's stages (model.h, drafter_kind).
#pragma once

#include "formats/config.h"
#include "model/model.h"
#include "model/weight_reader.h"

namespace hadal {

MtpBlock read_mtp(WeightReader& reader, const ModelConfig& config);
// `stages`: how many mtp.N there are. Error(kInvalidModel) naming the tensor or the key for what is missing,
// does not fit, or belongs to the drafter and is not read.
Dspark read_dspark(WeightReader& reader, const Checkpoint& checkpoint, int64_t stages);

}  // namespace hadal
