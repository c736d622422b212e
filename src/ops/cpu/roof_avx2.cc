// The AVX2 unit of Roof.
#include "ops/cpu/lanes_avx2.h"
#include "ops/cpu/roof_kernels.h"

namespace hadal {
namespace avx2 {

inline constexpr int kRoofSums = 6;
#include "ops/cpu/roof.inl"

}  // namespace avx2

const RoofKernels& roof_kernels_avx2() {
  static constexpr RoofKernels kKernels{avx2::read, avx2::multiply_add};
  return kKernels;
}

}  // namespace hadal
