// AttentionScratch: the memory that sparse_attention works in, kept between calls; it grows where a call
// needs more.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/attention_kernels.h"
#include "tensor/tensor.h"

namespace hadal {

struct AttentionScratch {
  explicit AttentionScratch(int threads)
      : tiles(static_cast<size_t>(threads)), p(tiles.size()), denominators(tiles.size()) {}

  // Probabilities of `jobs` tokens at once.
  void reserve(int jobs, int64_t heads, int64_t keys, int64_t head_dim) {
    p_stride = (keys + 15) / 16 * 16;
    const auto grow = [](Buffer& buffer, int64_t floats) {
      if (buffer.size() < floats) buffer = Buffer(floats);
    };
    for (Buffer& tile : tiles) grow(tile, attention_tile_floats(head_dim));
    for (int i = 0; i < jobs; ++i) {
      grow(p[i], heads * p_stride);
      grow(denominators[i], heads);
    }
  }

  std::vector<Buffer> tiles;  // each worker's decoded keys
  std::vector<Buffer> p;
  std::vector<Buffer> denominators;
  int64_t p_stride = 0;
};

}  // namespace hadal
