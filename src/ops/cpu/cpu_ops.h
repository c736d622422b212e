// CpuOps: the bits of ReferenceOps, fast: every op it overrides is cut into static parts for a thread pool
// and runs kernels of one instruction set (chosen once, ops/device.cc). An op without an override here is not
// worth one and runs the reference loop.
#pragma once

#include "base/thread_pool.h"
#include "ops/device.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

class CpuOps final : public ReferenceOps {
 public:
  explicit CpuOps(const DeviceOptions& options);

 private:
  ThreadPool pool_;
};

}  // namespace hadal
