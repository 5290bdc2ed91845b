#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace pent {

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\x{:02X}", byte);
    else
      out += c;
  }
  if (text.size() > limit) out += "…";
  return out;
}

void check_failed(const char* file, int line, const char* expression, const std::string& message) {
  fmt::print(stderr, "{}:{}: internal error: {} does not hold{}{}\n", file, line, expression,
             message.empty() ? "" : ": ", message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace pent
