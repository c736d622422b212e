// The AVX-512 unit of Roof.
#include "ops/cpu/lanes_avx512.h"
#include "ops/cpu/roof_kernels.h"

namespace hadal {
namespace avx512 {

inline constexpr int kRoofSums = 12;
#include "ops/cpu/roof.inl"

}  // namespace avx512

const RoofKernels& roof_kernels_avx512() {
  static constexpr RoofKernels kKernels{avx512::read, avx512::multiply_add};
  return kKernels;
}

}  // namespace hadal
