// Which tensors a random checkpoint has (spec section 5): names, shapes, dtypes and how each is filled.
//
// Spreads keep a random model sane: matrices scale with 1/sqrt(inputs), so that activations keep their size
// from layer to layer, gates and index queries are steeper, so that choices are clear, and norms, sinks and
// the like vary enough that a mistake in any of them shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/config.h"
#include "tensor/dtype.h"
#include "tools/random_config.h"

namespace hadal {

enum class RandomFill {
  kValues,   // BF16 or F32: mean + spread * normal
  kMatrix,   // [out, in], BF16, or FP8 or FP4 with a tensor of scales after it
  kHashIds,  // I64 [tokens, k]: k different experts per token
};

struct RandomTensor {
  std::string name;
  DType dtype = DType::kBF16;  // kF8E4M3 and kI8 (FP4) bring a tensor of scales along
  std::vector<int64_t> shape;  // in elements, of FP4 too
  RandomFill fill = RandomFill::kValues;
  float mean = 0;
  float spread = 1;
  int64_t experts = 0;                      // kHashIds: ids are below it
  int64_t tile = 128;                       // columns that share an FP8 scale
  int64_t tile_rows = 128;                  // rows that share it
  std::string_view scale_suffix = "scale";  // of their tensor, in place of "weight"

  bool has_scales() const { return dtype == DType::kF8E4M3 || dtype == DType::kI8; }
};

// In the order of the file. Error(kUsage) where the format cannot hold the sizes.
std::vector<RandomTensor> random_layout(const ModelConfig& config, RandomFormat format);

}  // namespace hadal
