// Runs the built `pent` as a user would: with arguments, an input, an environment; through pipes or on a terminal.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pent {

struct Outcome {
  int code = -1;    // exit code; 128 + signal if a signal ended it
  std::string out;  // on a terminal: both streams, as the terminal got them
  std::string err;
};

using Environment = std::map<std::string, std::string>;  // on top of a small fixed one

Outcome run_pent(const std::vector<std::string>& arguments, const std::string& input = "",
                 const Environment& environment = {});

// A pent on a terminal of its own, or in the background with pipes.
class PentOnTerminal {
 public:
  PentOnTerminal(const std::vector<std::string>& arguments, const Environment& environment = {}, int columns = 60,
                 int rows = 20);
  ~PentOnTerminal();
  void type(const std::string& text);
  // Reads until `text` has appeared (since the last call); false after a minute or at the end.
  bool wait_for(const std::string& text);
  Outcome finish();  // reads to the end

 private:
  bool read_some();
  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string seen_;
  size_t looked_ = 0;
};

// Starts pent, calls `meanwhile(pid)`, then collects.
Outcome run_pent_with(const std::vector<std::string>& arguments, const std::function<void(pid_t)>& meanwhile);

// True once `done` is; false after a minute.
bool eventually(const std::function<bool()>& done);

}  // namespace pent
