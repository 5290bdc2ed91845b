#include "e2e/pent_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace pent {
namespace {

constexpr std::chrono::seconds kPatience(60);

[[noreturn]] void exec_pent(const std::vector<std::string>& arguments, const Environment& environment) {
  for (const char* name : {"TERM", "COLORTERM", "NO_COLOR", "PENT_HOME", "COLUMNS", "LINES"}) ::unsetenv(name);
  for (const char* name : {"HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE",
                           "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DISABLE_PROGRESS_BARS"})
    ::unsetenv(name);
  for (const char* name : {"PENT_HOME", "HF_HOME"}) ::setenv(name, "/nonexistent", 1);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>(PENT_BINARY)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(PENT_BINARY, argv.data());
  std::perror(PENT_BINARY);
  ::_exit(127);
}

int exit_code(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Pipe {
  int ends[2];
  Pipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
};

void drain(int out, int err, Outcome& outcome) {
  pollfd files[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  std::string* texts[2] = {&outcome.out, &outcome.err};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    ::poll(files, 2, -1);
    for (int i = 0; i < 2; ++i) {
      if (files[i].fd < 0 || files[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(files[i].fd, buffer, sizeof buffer);
      if (got > 0) texts[i]->append(buffer, static_cast<size_t>(got));
      if (got <= 0 && errno != EINTR) {
        ::close(files[i].fd);
        files[i].fd = -1;
      }
    }
  }
}

Outcome run(const std::vector<std::string>& arguments, const std::string& input, const Environment& environment,
            const std::function<void(pid_t)>& meanwhile) {
  Pipe in, out, err;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in.ends[0], 0);
    ::dup2(out.ends[1], 1);
    ::dup2(err.ends[1], 2);
    exec_pent(arguments, environment);
  }
  ::close(in.ends[0]);
  ::close(out.ends[1]);
  ::close(err.ends[1]);
  std::thread writer([&] {
    ::signal(SIGPIPE, SIG_IGN);
    for (size_t at = 0; at < input.size();) {
      const ssize_t put = ::write(in.ends[1], input.data() + at, input.size() - at);
      if (put <= 0) break;
      at += static_cast<size_t>(put);
    }
    ::close(in.ends[1]);
    if (meanwhile) meanwhile(pid);
  });
  Outcome outcome;
  drain(out.ends[0], err.ends[0], outcome);
  writer.join();
  outcome.code = exit_code(pid);
  return outcome;
}

}  // namespace

Outcome run_pent(const std::vector<std::string>& arguments, const std::string& input, const Environment& environment) {
  return run(arguments, input, environment, {});
}

Outcome run_pent_with(const std::vector<std::string>& arguments, const std::function<void(pid_t)>& meanwhile) {
  return run(arguments, "", {}, meanwhile);
}

bool eventually(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

PentOnTerminal::PentOnTerminal(const std::vector<std::string>& arguments, const Environment& environment, int columns,
                               int rows) {
  winsize size = {};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ == 0) exec_pent(arguments, environment);
}

PentOnTerminal::~PentOnTerminal() {
  if (pid_ > 0) finish();
}

void PentOnTerminal::type(const std::string& text) {
  EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool PentOnTerminal::read_some() {
  pollfd file = {terminal_, POLLIN, 0};
  if (::poll(&file, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
  char buffer[4096];
  const ssize_t got = ::read(terminal_, buffer, sizeof buffer);  // EIO once the other side is gone
  if (got > 0) seen_.append(buffer, static_cast<size_t>(got));
  return got > 0;
}

bool PentOnTerminal::wait_for(const std::string& text) {
  for (;;) {
    if (const size_t found = seen_.find(text, looked_); found != std::string::npos) {
      looked_ = found + text.size();
      return true;
    }
    if (!read_some()) return false;
  }
}

Outcome PentOnTerminal::finish() {
  while (read_some()) {
  }
  Outcome outcome;
  outcome.out = seen_;
  outcome.code = exit_code(pid_);
  ::close(terminal_);
  pid_ = -1;
  return outcome;
}

}  // namespace pent
