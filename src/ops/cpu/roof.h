// Roof: what this machine can do at most, measured in short runs: bytes read from memory and fp32
// multiply-adds, with the threads and the instruction set of the run that it judges. For `hadal bench` and
// --dry-run; no op depends on it.
#pragma once

#include <cstddef>
#include <span>

#include "base/thread_pool.h"
#include "ops/device.h"

namespace hadal {

class Roof {
 public:
  Roof(Isa isa, int threads);

  // 10^9 bytes a second of all threads together over about 50 ms. Each call goes on in `memory` where the
  // last one stopped; it should be several times larger than the caches, or they are what is measured.
  double read_gb_s(std::span<const std::byte> memory);
  // 10^9 floating-point operations a second, two for each multiply-add.
  double fma_gflops();

 private:
  const Isa isa_;
  ThreadPool pool_;
  size_t at_ = 0;
};

}  // namespace hadal
