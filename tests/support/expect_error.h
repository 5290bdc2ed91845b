// EXPECT_ERROR(statement, kind, texts…): the statement throws pent::Error of that kind whose message holds every text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace pent {

template <typename Action>
testing::AssertionResult throws_error(Action action, ErrorKind kind, const std::vector<std::string>& texts) {
  try {
    action();
  } catch (const Error& problem) {
    const std::string message = problem.what();
    if (problem.kind() != kind) return testing::AssertionFailure() << "another kind of error: " << message;
    for (const std::string& text : texts) {
      if (message.find(text) == message.npos)
        return testing::AssertionFailure() << "no '" << text << "' in: " << message;
    }
    return testing::AssertionSuccess();
  } catch (const std::exception& problem) {
    return testing::AssertionFailure() << "not a pent::Error: " << problem.what();
  }
  return testing::AssertionFailure() << "nothing was thrown";
}

}  // namespace pent

#define EXPECT_ERROR(statement, kind, ...) \
  EXPECT_TRUE(::pent::throws_error([&] { statement; }, ::pent::ErrorKind::kind, {__VA_ARGS__}))
