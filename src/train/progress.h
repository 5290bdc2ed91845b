// What a person and a plot see of a run: a bar or lines on stderr, and metrics.jsonl.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/json.h"

namespace pent::train {

class Progress {
 public:
  // Goes on with run/metrics.jsonl, in which lines of steps after `first_step` are dropped: a killed run did them, and
  // they come again. Throws kIo.
  Progress(const std::filesystem::path& run, int64_t first_step);
  ~Progress();  // leaves the bar's line

  // One object a line, flushed; "time" (seconds since 1970) is added. Throws kIo when the disk is full.
  void metric(Json record);
  // After every step: redraws the bar at most 5 times a second, or prints a line every 20 seconds.
  void step(int64_t done, int64_t total, double loss, int64_t tokens, double seconds);
  // A line that stays.
  void note(const std::string& line);
  double tokens_per_second() const { return rate_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::filesystem::path path_;
  std::ofstream metrics_;
  bool terminal_, bar_shown_ = false;
  Clock::time_point last_drawn_;
  int64_t first_step_;
  double rate_ = 0, seconds_per_step_ = 0, loss_ = 0;
};

}  // namespace pent::train
