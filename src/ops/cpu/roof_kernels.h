// The two loops behind Roof, one pair per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

struct RoofKernels {
  // Reads all the bytes; the result depends on each of them.
  uint32_t (*read)(const std::byte* bytes, int64_t count);
  // Independent multiply-adds in registers; returns how many, and what came out in `result`.
  int64_t (*multiply_add)(int64_t rounds, float* result);
};

const RoofKernels& roof_kernels_avx2();
const RoofKernels& roof_kernels_avx512();

}  // namespace hadal
