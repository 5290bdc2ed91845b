#include "base/cancel.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace pent {
namespace {

TEST(CancelToken, StaysCancelledUntilReset) {
  CancelToken token;
  EXPECT_FALSE(token.cancelled());
  token.cancel();
  EXPECT_TRUE(token.cancelled());
  token.reset();
  EXPECT_FALSE(token.cancelled());
}

void exit_0_if_interrupted_by(int signal) {
  install_interrupt_handler();
  if (interrupt_signal() != 0 || interrupt_token().cancelled()) std::_Exit(1);
  std::raise(signal);
  std::_Exit(interrupt_token().cancelled() && interrupt_signal() == signal ? 0 : 2);
}

TEST(InterruptDeathTest, TheFirstSignalOnlyCancels) {
  EXPECT_EXIT(exit_0_if_interrupted_by(SIGINT), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_0_if_interrupted_by(SIGTERM), testing::ExitedWithCode(0), "");
}

TEST(InterruptDeathTest, TheSecondSignalKills) {
  const auto interrupt_twice = [] {
    install_interrupt_handler();
    std::raise(SIGINT);
    std::raise(SIGTERM);
  };
  EXPECT_EXIT(interrupt_twice(), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace pent
