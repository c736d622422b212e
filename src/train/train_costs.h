// The floating-point operations of training, counted from shapes: what the speed of training is measured
// against. Model FLOPs: six for each matrix parameter that a token meets in a product (two forward, four
// backward; the head again for MTP; rows of the embedding are looked up) and 12 x heads x head_dim for each
// key that it attends to in a layer. What is computed again, the optimiser, Sinkhorn passes, the indexer's
// scores and rounding are not counted.
#pragma once

#include <cstdint>

#include "model/model.h"
#include "train/parameters.h"
#include "train/train_pass.h"

namespace hadal {

int64_t active_matrix_parameters(const Model& model, const Parameters& parameters, bool with_mtp);
// Of one pass over these rows, forward and backward.
double training_flops(const Model& model, const Parameters& parameters, const TrainRows& rows, bool with_mtp);

}  // namespace hadal
