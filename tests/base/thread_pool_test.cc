// Every worker runs every job once, and a partition covers all items once.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hadal {
namespace {

TEST(ThreadPool, EachWorkerRunsEachJobOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    std::vector<int> runs(threads);
    for (int job = 1; job <= 200; ++job) {
      pool.run([&](int worker) { ++runs[worker]; });
      ASSERT_EQ(runs, std::vector<int>(threads, job)) << threads << " threads";
    }
  }
}

TEST(ThreadPool, PartsCoverAllOnce) {
  for (const int64_t count : {0, 1, 7, 16, 100}) {
    for (const int workers : {1, 2, 3, 8}) {
      for (const int64_t grain : {1, 4, 64}) {
        int64_t next = 0;
        int64_t most = 0;
        int64_t least = count;
        for (int worker = 0; worker < workers; ++worker) {
          const Range part = part_of(count, worker, workers, grain);
          ASSERT_EQ(part.first, next);
          ASSERT_TRUE(part.first % grain == 0 || part.first == count);
          next = part.last;
          most = std::max(most, part.last - part.first);
          least = std::min(least, part.last - part.first);
        }
        EXPECT_EQ(next, count);
        // One unit more, and the last part may end inside its last unit.
        EXPECT_LT(most - least, 2 * grain);
      }
    }
  }
}

}  // namespace
}  // namespace hadal
