// Chooses the implementation of the ops: by what the CPU can do, by HADAL_ISA, and by the numerics.
#include "ops/device.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "ops/backward.h"
#include "ops/cpu/cpu_backward.h"
#include "ops/cpu/cpu_ops.h"
#include "ops/reference/official_ops.h"
#include "ops/reference/reference_backward.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

}  // namespace

std::string isa_name(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas{Isa::kReference};
  if (has_avx2()) isas.push_back(Isa::kAvx2);
  if (has_avx512()) isas.push_back(Isa::kAvx512);
  return isas;
}

Isa chosen_isa() {
  const std::vector<Isa> isas = available_isas();
  const char* const named = std::getenv("HADAL_ISA");
  if (named == nullptr || *named == '\0') return isas.back();
  std::vector<std::string> names;
  for (const Isa isa : isas) {
    if (isa_name(isa) == named) return isa;
    names.push_back(isa_name(isa));
  }
  fail(ErrorCode::kUsage, "HADAL_ISA is '{}', which this machine cannot run; choose one of: {}", named,
       fmt::join(names, ", "));
}

std::unique_ptr<Ops> make_ops(const DeviceOptions& options) {
  if (options.numerics == Numerics::kOfficial) return std::make_unique<OfficialOps>();
  if (options.isa == Isa::kReference) return std::make_unique<ReferenceOps>(options.numerics);
  return std::make_unique<CpuOps>(options);
}

std::unique_ptr<BackwardOps> make_backward(const DeviceOptions& options, Ops& forward) {
  if (options.isa != Isa::kReference) return std::make_unique<CpuBackward>(options, forward);
  return std::make_unique<ReferenceBackward>(forward);
}

}  // namespace hadal
