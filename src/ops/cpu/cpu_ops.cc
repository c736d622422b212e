#include "ops/cpu/cpu_ops.h"

namespace hadal {

CpuOps::CpuOps(const DeviceOptions& options) : ReferenceOps(options.numerics), pool_(options.threads) {}

}  // namespace hadal
