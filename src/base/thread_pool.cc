// The pool: one open job at a time, whose chunks are handed out by an atomic counter.
//
// Workers join an open job when they notice it and are never waited for when they do not: the caller closes the job
// once the chunks have run out and waits only for the workers inside. `active` and `open` form the handshake (both
// sequentially consistent): a worker announces itself before it looks at `open`, the caller closes before it looks at
// `active`.
#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace pent {
namespace {

constexpr auto kSpinTime = std::chrono::microseconds(50);

void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Polls `ready` for kSpinTime; true as soon as it holds.
template <typename Predicate>
bool spin_until(const Predicate& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      cpu_pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

// The pool whose body this thread is running, and as which of its workers.
struct Frame {
  const void* pool = nullptr;
  int worker = 0;
};
thread_local Frame current_frame;

class ScopedFrame {
 public:
  ScopedFrame(const void* pool, int worker) : outer_(std::exchange(current_frame, {pool, worker})) {}
  ~ScopedFrame() { current_frame = outer_; }
  ScopedFrame(const ScopedFrame&) = delete;
  ScopedFrame& operator=(const ScopedFrame&) = delete;

 private:
  Frame outer_;
};

}  // namespace

struct ThreadPool::Impl {
  // What different threads write lies on different cache lines: a worker that polls for a job does not hold up the caller who
  // is writing one.
  static constexpr size_t kLine = 64;

  // The open job. Written by the caller while `open` is false and `active` is 0.
  alignas(kLine) int64_t n = 0;
  int64_t grain = 1;
  const std::function<void(int64_t, int64_t, int)>* body = nullptr;
  std::atomic<bool> failed{false};
  std::exception_ptr failure;  // guarded by mutex

  alignas(kLine) std::atomic<int64_t> next{0};
  alignas(kLine) std::atomic<uint64_t> generation{0};  // counts jobs, so that a worker enters each at most once
  std::atomic<bool> stop{false};
  alignas(kLine) std::atomic<bool> open{false};
  alignas(kLine) std::atomic<int> active{0};  // workers that may be touching the job
  alignas(kLine) std::atomic<int> sleepers{0};
  std::atomic<bool> caller_sleeps{false};

  std::mutex callers;  // held for the length of one parallel_for
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::condition_variable workers_left;
  std::vector<std::thread> threads;

  ~Impl() {
    stop.store(true);
    {
      const std::lock_guard lock(mutex);
    }
    work_arrived.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  void run_chunks(int worker) {
    const ScopedFrame frame(this, worker);
    while (!failed.load(std::memory_order_relaxed)) {
      const int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= n) return;
      try {
        (*body)(begin, std::min(n, begin + grain), worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        failed.store(true, std::memory_order_relaxed);
      }
    }
  }

  void work(int worker) {
    uint64_t seen = 0;
    const auto woken = [&] { return stop.load() || generation.load() != seen; };
    for (;;) {
      if (!spin_until(woken)) {
        std::unique_lock lock(mutex);
        sleepers.fetch_add(1);
        work_arrived.wait(lock, woken);
        sleepers.fetch_sub(1);
      }
      if (stop.load()) return;
      seen = generation.load();
      active.fetch_add(1);
      if (open.load()) run_chunks(worker);
      if (active.fetch_sub(1) == 1 && caller_sleeps.load()) {
        {
          const std::lock_guard lock(mutex);
        }
        workers_left.notify_one();
      }
    }
  }

  void run_job(int64_t job_n, int64_t job_grain, const std::function<void(int64_t, int64_t, int)>& job_body) {
    n = job_n;
    grain = job_grain;
    body = &job_body;
    next.store(0);
    failed.store(false);
    failure = nullptr;
    open.store(true);
    generation.fetch_add(1);
    if (sleepers.load() > 0) {
      {
        const std::lock_guard lock(mutex);
      }
      work_arrived.notify_all();
    }
    run_chunks(0);
    open.store(false);
    const auto alone = [&] { return active.load() == 0; };
    if (!spin_until(alone)) {
      std::unique_lock lock(mutex);
      caller_sleeps.store(true);
      workers_left.wait(lock, alone);
      caller_sleeps.store(false);
    }
    const std::exception_ptr thrown = std::exchange(failure, nullptr);
    if (thrown) std::rethrow_exception(thrown);
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  if (threads <= 0) threads = available_threads();
  try {
    for (int worker = 1; worker < threads; ++worker) {
      impl_->threads.emplace_back([impl = impl_.get(), worker] { impl->work(worker); });
    }
  } catch (const std::system_error& failure) {
    throw error(ErrorKind::kResourceExhausted, "cannot start {} threads: {}; ask for fewer with --threads", threads,
                failure.what());  // impl_'s destructor joins those that were started
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const { return static_cast<int>(impl_->threads.size()) + 1; }

void ThreadPool::parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t, int)>& body) {
  if (n <= 0) return;
  grain = std::clamp<int64_t>(grain, 1, n);
  const auto run_inline = [&](int worker) {
    for (int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(n, begin + grain), worker);
  };
  if (current_frame.pool == impl_.get()) return run_inline(current_frame.worker);
  const std::lock_guard lock(impl_->callers);
  if (impl_->threads.empty() || n == grain) {
    const ScopedFrame frame(impl_.get(), 0);
    return run_inline(0);
  }
  impl_->run_job(n, grain, body);
}

namespace {

// Quota of one cgroup directory in whole CPUs, rounded up; INT_MAX where there is none.
int cgroup_cpus(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  std::string quota;
  int64_t period = 0;
  if (!(file >> quota >> period) || period <= 0 || quota == "max") return INT32_MAX;
  const int64_t micros = std::strtoll(quota.c_str(), nullptr, 10);
  if (micros <= 0) return INT32_MAX;
  return static_cast<int>(std::min<int64_t>((micros + period - 1) / period, INT32_MAX));
}

// The tightest cpu.max from this process's cgroup up to the root.
int cgroup_limit() {
  std::string path;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  int limit = INT32_MAX;
  for (;;) {
    limit = std::min(limit, cgroup_cpus("/sys/fs/cgroup" + path));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return limit;
    path.resize(slash);
  }
}

}  // namespace

int available_threads() {
  int allowed = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) allowed = CPU_COUNT(&set);
  return std::max(1, std::min(allowed, cgroup_limit()));
}

}  // namespace pent
