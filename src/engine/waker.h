// Waker: lets one thread sleep until another has news for it. Shared, so that whoever holds it may outlive
// the sleeper.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace hadal {

class Waker {
 public:
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      news_ = true;
    }
    changed_.notify_one();
  }
  // Returns at once if there was news since the last sleep.
  void sleep_until(std::chrono::steady_clock::time_point time) {
    std::unique_lock lock(mutex_);
    // Far ahead means "until woken": waiting for time_point::max() overflows inside the library.
    const auto latest = std::chrono::steady_clock::now() + std::chrono::hours(1);
    changed_.wait_until(lock, std::min(time, latest), [&] { return news_; });
    news_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool news_ = false;
};

}  // namespace hadal
