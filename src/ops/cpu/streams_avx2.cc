// The AVX2 unit of the streams, norms, rotations and compressor pools.
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/cpu/lanes_avx2.h"
#include "ops/cpu/stream_kernels.h"
#include "ops/elementary.h"
#include "ops/reference/hadamard.h"

namespace hadal {
namespace avx2 {
namespace {

#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/streams.inl"

}  // namespace
}  // namespace avx2

const StreamKernels& stream_kernels_avx2() {
  static constexpr StreamKernels kKernels{
      .inverse_rms = avx2::inverse_rms,
      .hc_gates = avx2::hc_gates,
      .hc_mix = avx2::hc_mix,
      .hc_post = avx2::hc_post,
      .scale_row = avx2::scale_row,
      .scale_head = avx2::scale_head,
      .rope_table = avx2::rope_table,
      .rope_heads = avx2::rope_heads,
      .hadamard = avx2::hadamard,
      .pool = avx2::pool,
  };
  return kKernels;
}

}  // namespace hadal
