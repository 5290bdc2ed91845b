// ^C and SIGTERM as a request to stop: the first sets a flag that work polls, the second ends the process as usual.
#include "base/cancel.h"

#include <csignal>

namespace pent {
namespace {

constinit CancelToken g_interrupt;
constinit std::atomic<int> g_signal{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void set_action(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART: a read that waits for the terminal must return, so that ^C ends it.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void on_signal(int signal) {
  g_signal.store(signal, std::memory_order_relaxed);
  g_interrupt.cancel();
  set_action(SIG_DFL);
}

}  // namespace

CancelToken& interrupt_token() { return g_interrupt; }

void install_interrupt_handler() { set_action(on_signal); }

int interrupt_signal() { return g_signal.load(std::memory_order_relaxed); }

}  // namespace pent
