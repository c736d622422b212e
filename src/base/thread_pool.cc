#include "base/thread_pool.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

int choose_spin_rounds(int threads) {
  const auto cpus = static_cast<int>(std::thread::hardware_concurrency());
  // Some 30 microseconds, about what a wake-up costs: on a busy machine every longer spin is time that others
  // lack.
  return threads <= cpus ? 1000 : 0;
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), spin_rounds_(choose_spin_rounds(threads)) {
  CHECK(threads >= 1);
  for (int w = 1; w < threads; ++w) workers_.emplace_back([this, w] { work(w); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_erased(Job job, void* context) {
  job_ = job;
  context_ = context;
  running_.store(threads_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  job(context, 0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < spin_rounds_) {
      cpu_relax();
    } else if (const int left = running_.load(std::memory_order_acquire); left != 0) {
      running_.wait(left, std::memory_order_acquire);
    }
  }
}

void ThreadPool::work(int worker) {
  uint32_t seen = 0;
  for (;;) {
    wait_for_generation(seen);
    ++seen;
    if (stop_) return;
    job_(context_, worker);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadPool::wait_for_generation(uint32_t seen) const {
  for (int spins = 0; spins < spin_rounds_; ++spins) {
    if (generation_.load(std::memory_order_acquire) != seen) return;
    cpu_relax();
  }
  generation_.wait(seen, std::memory_order_acquire);
}

Range part_of(int64_t count, int worker, int workers, int64_t grain) {
  const int64_t units = (count + grain - 1) / grain;
  const int64_t first = units * worker / workers;
  const int64_t last = units * (worker + 1) / workers;
  return {std::min(first * grain, count), std::min(last * grain, count)};
}

}  // namespace hadal
