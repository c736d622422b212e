#include "quant/act8.h"

#include <algorithm>

#include "quant/blocks.h"

namespace hadal {

void quantise_act8(const float* x, int64_t n, uint8_t* codes, uint8_t* scales) {
  constexpr int64_t kBlock = 128;
  for (int64_t at = 0; at < n; at += kBlock)
    scales[at / kBlock] = quantise_fp8_block(x + at, std::min(kBlock, n - at), codes + at);
}

}  // namespace hadal
