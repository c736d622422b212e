// ThreadPool: runs one function on a fixed number of workers and waits: the caller is worker 0.
//
// The partition is static and the caller's business: fn(worker) decides what it does from its number alone,
// so nothing depends on timing. Workers spin briefly for the next job, then sleep on a futex; with more
// threads than CPUs they do not spin. One thread may call run(); it must not be called from inside fn. fn
// must not throw.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace hadal {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls fn(worker) for worker = 0 .. threads-1, in parallel, and returns when all are done.
  template <typename Fn>
  void run(Fn&& fn) {
    if (threads_ == 1) return fn(0);
    run_erased(
        [](void* context, int worker) { (*static_cast<std::remove_reference_t<Fn>*>(context))(worker); },
        &fn);
  }

 private:
  using Job = void (*)(void* context, int worker);
  void run_erased(Job job, void* context);
  void work(int worker);
  void wait_for_generation(uint32_t seen) const;

  const int threads_;
  const int spin_rounds_;
  Job job_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> generation_{0};  // bumped to start a job
  alignas(64) std::atomic<int> running_{0};          // workers that have not finished it
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

// Worker w of n gets [first, second) of `count` items; the parts differ by at most one unit of `grain` items.
struct Range {
  int64_t first;
  int64_t last;
};
Range part_of(int64_t count, int worker, int workers, int64_t grain = 1);

}  // namespace hadal
