#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace pent {
namespace {

TEST(ThreadPool, EveryIndexIsVisitedOnce) {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.threads(), threads);
    for (const int64_t n : {0, 1, 2, 31, 1000}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> visits(n);
        pool.parallel_for(n, grain, [&](int64_t begin, int64_t end, int worker) {
          EXPECT_GE(worker, 0);
          EXPECT_LT(worker, threads);
          for (int64_t i = begin; i < end; ++i) ++visits[i];
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1);
      }
    }
  }
}

TEST(ThreadPool, ChunkBordersDoNotDependOnTheThreadCount) {
  const auto borders = [](int threads) {
    ThreadPool pool(threads);
    std::mutex mutex;
    std::set<std::pair<int64_t, int64_t>> seen;
    pool.parallel_for(100, 7, [&](int64_t begin, int64_t end, int) {
      const std::lock_guard lock(mutex);
      seen.emplace(begin, end);
    });
    return seen;
  };
  EXPECT_EQ(borders(1), borders(2));
  EXPECT_EQ(borders(1), borders(5));
}

TEST(ThreadPool, NestedCallsRunInlineOnTheSameWorker) {
  ThreadPool pool(3);
  std::atomic<int> total{0};
  pool.parallel_for(20, 1, [&](int64_t, int64_t, int outer) {
    const auto thread = std::this_thread::get_id();
    pool.parallel_for(10, 2, [&](int64_t begin, int64_t end, int inner) {
      EXPECT_EQ(inner, outer);
      EXPECT_EQ(std::this_thread::get_id(), thread);
      total += static_cast<int>(end - begin);
    });
  });
  EXPECT_EQ(total, 200);
}

TEST(ThreadPool, ABodyMayUseAnotherPool) {
  ThreadPool outer(2), inner(2);
  std::atomic<int> total{0};
  outer.parallel_for(8, 1,
                     [&](int64_t, int64_t, int) { inner.parallel_for(8, 1, [&](int64_t, int64_t, int) { ++total; }); });
  EXPECT_EQ(total, 64);
}

TEST(ThreadPool, TheFirstExceptionReachesTheCallerAndThePoolLivesOn) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      EXPECT_THROW(pool.parallel_for(64, 1,
                                     [&](int64_t begin, int64_t, int) {
                                       if (begin % 8 == 3) throw std::runtime_error("body");
                                     }),
                   std::runtime_error);
      std::atomic<int> count{0};
      pool.parallel_for(10, 1, [&](int64_t, int64_t, int) { ++count; });
      EXPECT_EQ(count, 10);
    }
  }
}

TEST(ThreadPool, ChunksNotYetBegunAreSkippedAfterAnException) {
  ThreadPool pool(1);
  int begun = 0;
  EXPECT_THROW(pool.parallel_for(100, 1,
                                 [&](int64_t, int64_t, int) {
                                   if (++begun == 3) throw std::runtime_error("stop");
                                 }),
               std::runtime_error);
  EXPECT_EQ(begun, 3);
}

TEST(ThreadPool, AnExceptionInANestedCallCrossesBothLoops) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(4, 1,
                                 [&](int64_t, int64_t, int) {
                                   pool.parallel_for(4, 1,
                                                     [](int64_t, int64_t, int) { throw std::logic_error("deep"); });
                                 }),
               std::logic_error);
}

TEST(ThreadPool, ConcurrentCallersQueue) {
  ThreadPool pool(3);
  std::atomic<int> inside{0};
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(4, 0);
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 100; ++round) {
        std::vector<int64_t> partial(pool.threads(), 0);  // per-worker scratch must never be shared
        pool.parallel_for(50, 1, [&](int64_t begin, int64_t, int worker) {
          ++inside;
          EXPECT_LE(inside, pool.threads());
          partial[worker] += begin;
          --inside;
        });
        sums[caller] += std::accumulate(partial.begin(), partial.end(), int64_t{0});
      }
    });
  }
  for (auto& thread : callers) thread.join();
  for (const int64_t sum : sums) EXPECT_EQ(sum, 100 * 49 * 50 / 2);
}

TEST(ThreadPool, ManyMoreThreadsThanProcessorsStillFinish) {
  ThreadPool pool(32);
  std::atomic<int64_t> sum{0};
  for (int round = 0; round < 200; ++round) {
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t, int) { sum += begin; });
  }
  EXPECT_EQ(sum, 200 * 4950);
}

TEST(ThreadPool, SleepingWorkersWakeForTheNextJob) {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<bool> helper_came{false};
    pool.parallel_for(2, 1, [&](int64_t, int64_t, int worker) {
      // The chunk of the caller waits for the other worker: it ends only if that worker woke up.
      if (worker == 1) helper_came = true;
      while (!helper_came) std::this_thread::yield();
    });
    EXPECT_TRUE(helper_came);
  }
}

TEST(ThreadPool, TheCallerSleepsThroughALongLastChunk) {
  ThreadPool pool(2);
  std::atomic<int> finished{0};
  pool.parallel_for(2, 1, [&](int64_t, int64_t, int worker) {
    if (worker == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++finished;
  });
  EXPECT_EQ(finished, 2);
}

TEST(ThreadPool, AtLeastOneThreadIsAvailable) {
  EXPECT_GE(available_threads(), 1);
  ThreadPool pool;
  EXPECT_EQ(pool.threads(), available_threads());
}

}  // namespace
}  // namespace pent
