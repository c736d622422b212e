// Looks at every stored weight for values that no sound model has: e4m3 NaN codes, e8m0 255, BF16, F16 and
// F32 that are not finite.
#pragma once

#include <cstdint>
#include <string>

#include "base/thread_pool.h"
#include "formats/checkpoint.h"

namespace hadal {

// Place in the tensor of its first element that is no finite number; -1 where all are.
int64_t first_not_finite(const Tensor& tensor);

// Error(kInvalidModel) naming tensor, file and element.
void scan_weights(const Checkpoint& checkpoint, ThreadPool& pool);

}  // namespace hadal
