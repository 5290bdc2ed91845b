// Errors a person can cause (a bad file, option or request) and how they travel.
//
// They are thrown as pent::Error and caught once, at the command's boundary (cli/main.cc), which
// prints one line and picks the exit code. Libraries we stand on (LibTorch, JSON, TOML) throw as
// well, so one mechanism serves. A broken invariant of our own is a PENT_CHECK and aborts.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace pent {

enum class ErrorKind {
  kInvalidArgument,    // an option or request that makes no sense here (exit 2 when from the command line)
  kNotFound,           // no such file, model, preset
  kCorrupt,            // a file whose content contradicts itself or its format
  kUnsupported,        // well-formed, but not something this build can do
  kResourceExhausted,  // memory, disk, a limit of ours
  kCancelled,          // the user or a deadline stopped it
  kIo,                 // the operating system refused
};

// what() is the whole message: what was wrong, where (file, key, tensor), what was expected, and
// what to do about it. No trailing newline.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string message) : std::runtime_error(std::move(message)), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// throw error(ErrorKind::kCorrupt, "{}: tensor '{}' ends at byte {}, the file at {}", …);
template <typename... Args>
Error error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// Untrusted text made fit for a message: control characters become \xNN, and what is beyond `limit` bytes becomes "…".
std::string printable(std::string_view text, size_t limit = 80);

[[noreturn]] void check_failed(const char* file, int line, const char* expression, const std::string& message);

}  // namespace pent

// Our bug, not the user's: prints file:line, the expression and the message, then aborts.
#define PENT_CHECK(condition, ...)                                                         \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::pent::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (0)
