#include "ops/cpu/roof.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "ops/cpu/roof_kernels.h"

namespace hadal {
namespace {

constexpr double kRunSeconds = 0.05;
constexpr size_t kSliceBytes = 16 << 20;  // that each thread reads between two looks at the clock
constexpr int64_t kRounds = 1 << 16;

// Without an instruction set: what the compiler's baseline gives.
uint32_t read_plainly(const std::byte* bytes, int64_t count) {
  uint32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<uint32_t>(bytes[i]);
  return sum;
}

int64_t multiply_add_plainly(int64_t rounds, float* result) {
  constexpr int kSums = 16;
  float sums[kSums] = {};
  const float factor = *result;
  for (int64_t round = 0; round < rounds; ++round) {
    for (float& sum : sums) sum = sum * factor + factor;
  }
  for (const float sum : sums) *result += sum;
  return rounds * kSums;
}

const RoofKernels& kernels_of(Isa isa) {
  static constexpr RoofKernels kPlain{read_plainly, multiply_add_plainly};
  if (isa == Isa::kReference) return kPlain;
  return isa == Isa::kAvx512 ? roof_kernels_avx512() : roof_kernels_avx2();
}

// Calls round(), which returns how much it did, for kRunSeconds; returns how much a second.
template <typename Round>
double rate(Round round) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  double done = 0;
  for (;;) {
    done += round();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds >= kRunSeconds) return done / seconds;
  }
}

}  // namespace

Roof::Roof(Isa isa, int threads) : isa_(isa), pool_(threads) {}

double Roof::read_gb_s(std::span<const std::byte> memory) {
  if (memory.empty()) return 0;
  const RoofKernels& kernels = kernels_of(isa_);
  std::vector<uint32_t> sums(static_cast<size_t>(pool_.threads()));
  return 1e-9 * rate([&] {
           if (at_ >= memory.size()) at_ = 0;
           const size_t count = std::min(kSliceBytes * sums.size(), memory.size() - at_);
           const std::byte* const slice = memory.data() + at_;
           pool_.run([&](int worker) {
             const Range part = part_of(static_cast<int64_t>(count), worker, pool_.threads(), 4096);
             sums[worker] += kernels.read(slice + part.first, part.last - part.first);
           });
           at_ += count;
           return static_cast<double>(count);
         });
}

double Roof::fma_gflops() {
  const RoofKernels& kernels = kernels_of(isa_);
  std::vector<float> results(static_cast<size_t>(pool_.threads()), 0.5f);
  return 1e-9 * rate([&] {
           std::vector<int64_t> done(results.size());
           pool_.run([&](int worker) { done[worker] = kernels.multiply_add(kRounds, &results[worker]); });
           int64_t all = 0;
           for (const int64_t count : done) all += count;
           return 2.0 * static_cast<double>(all);
         });
}

}  // namespace hadal
