// How far several downloads are, as bars on a terminal or as a line every few seconds elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/terminal.h"

namespace pent::cli {

struct TransferItem {
  std::string name;
  uint64_t size = 0;  // bytes
  uint64_t here = 0;  // bytes that were here before
};

// What is known at one moment.
struct TransferState {
  std::vector<TransferItem> items;  // `here`: now
  double bytes_per_second = 0;
};

// One line for every file under way, then the sum; none wider than `columns`, no more than `rows`.
std::vector<std::string> progress_lines(const TransferState& state, int columns, int rows);

struct PullProgressOptions {
  bool redraw = false;                 // a terminal that understands cursor movement
  bool silent = false;                 // notes only
  std::function<ScreenSize()> screen;  // asked before every frame
  std::function<void(std::string_view)> write;
  double frame_seconds = 0.1;
  double line_seconds = 5;  // between lines where nothing can be redrawn
};

// Draws in a thread of its own from the constructor until finish() or the end of its life. set() and note() may be called
// from any thread.
class PullProgress {
 public:
  PullProgress(PullProgressOptions options, std::vector<TransferItem> items);
  ~PullProgress();
  PullProgress(const PullProgress&) = delete;
  PullProgress& operator=(const PullProgress&) = delete;

  void set(size_t item, uint64_t bytes) { here_[item].store(bytes, std::memory_order_relaxed); }
  void note(const std::string& text);  // a line that stays, above the bars
  void finish();                       // takes the bars away

 private:
  void work();
  void draw(double seconds);
  void erase();
  TransferState state(double seconds);

  PullProgressOptions options_;
  std::vector<TransferItem> items_;
  std::unique_ptr<std::atomic<uint64_t>[]> here_;
  struct Sample {
    double seconds;
    uint64_t bytes;
  };
  std::deque<Sample> samples_;  // of the last seconds
  std::mutex mutex_;            // of what is written
  int drawn_lines_ = 0;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace pent::cli
