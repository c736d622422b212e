// How a trained tensor is stored in the official layout, and what it is worth after that: export writes the
// one, training with quantisation reads the other, so the exported model is the trained one to the bit.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/thread_pool.h"
#include "train/parameters.h"

namespace hadal {

enum class StoreMode {
  kF32,     // masters as they are: checkpoints
  kBf16,    // everything that the official layout has in BF16
  kFp8Fp4,  // as published: FP8 matrices with 128x128 scales, FP4 experts
};

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // of the codes as the file has them
  std::vector<std::byte> bytes;
  struct Scales {
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;  // e8m0
  };
  std::optional<Scales> scales;
};

StoredTensor store_tensor(const Parameter& p, const float* values, StoreMode mode);
// values <- what the stored form of `from` is worth. May be the same place.
void round_as_stored(const Parameter& p, const float* from, StoreMode mode, float* values);
// All values <- what the stored forms of the masters are worth.
void round_values(const Parameters& parameters, StoreMode mode, ThreadPool& pool);
// The name of the scales of NAME.weight.
std::string scale_name(const std::string& weight);
// Error(kUsage) naming the tensor that the mode cannot hold (FP4 wants rows of a multiple of 32).
void require_storable(const Parameters& parameters, StoreMode mode);

}  // namespace hadal
