#include "ops/cpu/cpu_ops.h"

namespace hadal {
namespace {

// AMD's units take subnormal numbers at full speed; Intel's trap to microcode.
bool has_fast_subnormals() {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd") != 0;
#else
  return false;
#endif
}

const LinearKernels& linear_kernels(Isa isa) {
  return isa == Isa::kAvx512 ? linear_kernels_avx512(has_fast_subnormals())
                             : linear_kernels_avx2(has_fast_subnormals());
}

}  // namespace

CpuOps::CpuOps(const DeviceOptions& options)
    : ReferenceOps(options.numerics),
      linear_(linear_kernels(options.isa)),
      linear_scratch_(options.threads),
      moe_scratch_(options.threads),
      streams_(options.isa == Isa::kAvx512 ? stream_kernels_avx512() : stream_kernels_avx2()),
      index_(options.isa == Isa::kAvx512 ? index_kernels_avx512() : index_kernels_avx2()),
      index_scratch_(static_cast<size_t>(options.threads)),
      attention_(options.isa == Isa::kAvx512 ? attention_kernels_avx512() : attention_kernels_avx2()),
      attention_scratch_(options.threads),
      pool_(options.threads) {}

}  // namespace hadal
