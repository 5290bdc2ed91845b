// A small pool of worker threads for data-parallel loops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace pent {

// parallel_for splits [0, n) into chunks of `grain` whose borders depend on n and grain only, never on the thread
// count: what a chunk computes is then the same for any number of threads. Workers spin briefly, then sleep.
//  - The caller takes part; threads() == 1 means no thread is ever started.
//  - Nested calls (from inside a body) run inline on the calling worker. A body may use another pool, but two pools
//    must not be nested in each other both ways round.
//  - The first exception thrown by a body is rethrown to the caller once all workers have stopped; chunks not yet begun
//    are skipped.
//  - One parallel_for at a time per pool; concurrent callers queue on a mutex.
class ThreadPool {
 public:
  // threads <= 0: as many as the process may use (affinity mask and the cgroup's cpu.max).
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // body(begin, end, worker) with 0 <= worker < threads(): for per-worker scratch.
  void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t, int)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// How many threads this process may usefully run: min(affinity mask, cgroup v2 cpu.max rounded up), at least 1.
int available_threads();

}  // namespace pent
