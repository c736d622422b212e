// hadal eval gradients: the gradients of one pass over a list of token ids, as a safetensors file that other
// implementations can be compared with.
#pragma once

#include <string>

#include "tools/loaded_model.h"

namespace hadal {

struct EvalGradientsOptions {
  ModelOptions model;      // numerics: kFp32, or kStored to round keys and entries as they are stored
  std::string ids;         // file of whitespace-separated token ids: one document
  std::string out;         // safetensors file, appears when it is complete
  float mtp_weight = 0;    // of the MTP block's mean loss beside that of the model
  float index_weight = 0;  // of the indexers' KL, mean over the queries of all CSA layers
};

// Writes options.out: the gradient of every trainable tensor under its official name, F32 in its shape, and
// loss.main, loss.mtp and loss.index_kl, F32 [1], in nats. Error(kUsage) for quantised checkpoints, members
// of the family that cannot be trained yet, and fewer than three ids.
void eval_gradients(const EvalGradientsOptions& options);

}  // namespace hadal
