// Cancellation: a flag that long work polls, set by ^C, a deadline or a client that hung up.
#pragma once

#include <atomic>

namespace pent {

class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  void reset() { cancelled_.store(false, std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// The process's own token. First SIGINT or SIGTERM cancels it, a second one kills. Returns the signal number that
// cancelled it, or 0 (exit code 128 + signal).
CancelToken& interrupt_token();
void install_interrupt_handler();
int interrupt_signal();

}  // namespace pent
