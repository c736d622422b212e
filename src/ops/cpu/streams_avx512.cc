// The AVX-512 unit of the streams, norms, rotations and compressor pools.
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/cpu/lanes_avx512.h"
#include "ops/cpu/stream_kernels.h"
#include "ops/elementary.h"
#include "ops/reference/hadamard.h"

namespace hadal {
namespace avx512 {
namespace {

#include "ops/cpu/elementary.inl"
// Its functions first.
#include "ops/cpu/streams.inl"

}  // namespace
}  // namespace avx512

const StreamKernels& stream_kernels_avx512() {
  static constexpr StreamKernels kKernels{
      .inverse_rms = avx512::inverse_rms,
      .hc_gates = avx512::hc_gates,
      .hc_mix = avx512::hc_mix,
      .hc_post = avx512::hc_post,
      .scale_row = avx512::scale_row,
      .scale_head = avx512::scale_head,
      .rope_table = avx512::rope_table,
      .rope_heads = avx512::rope_heads,
      .hadamard = avx512::hadamard,
      .pool = avx512::pool,
  };
  return kKernels;
}

}  // namespace hadal
