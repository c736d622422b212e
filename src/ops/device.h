// The only place that chooses a backend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace hadal {

enum class Isa { kReference, kAvx2, kAvx512 };

std::string isa_name(Isa isa);
// What this machine can run, reference first, best last.
std::vector<Isa> available_isas();
// The best one, or the one that HADAL_ISA=reference|avx2|avx512 names; Error(kUsage) if that cannot run here.
Isa chosen_isa();

struct DeviceOptions {
  Numerics numerics = Numerics::kNative;
  Isa isa = Isa::kReference;
  int threads = 1;
};

// official always runs on the reference loops, whatever the isa.
std::unique_ptr<Ops> make_ops(const DeviceOptions& options);

}  // namespace hadal
