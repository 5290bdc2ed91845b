#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace pent {

void check_failed(const char* file, int line, const char* expression, const std::string& message) {
  fmt::print(stderr, "{}:{}: internal error: {} does not hold{}{}\n", file, line, expression,
             message.empty() ? "" : ": ", message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace pent
