#include "ops/cpu/cpu_ops.h"

namespace hadal {

CpuOps::CpuOps(const DeviceOptions& options)
    : ReferenceOps(options.numerics),
      linear_(options.isa == Isa::kAvx512 ? linear_kernels_avx512() : linear_kernels_avx2()),
      linear_scratch_(options.threads),
      moe_scratch_(options.threads),
      index_(options.isa == Isa::kAvx512 ? index_kernels_avx512() : index_kernels_avx2()),
      index_scratch_(static_cast<size_t>(options.threads)),
      attention_(options.isa == Isa::kAvx512 ? attention_kernels_avx512() : attention_kernels_avx2()),
      attention_scratch_(options.threads),
      pool_(options.threads) {}

}  // namespace hadal
