#include "cli/pull_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/options.h"

namespace pent::cli {
namespace {

constexpr double kRateWindowSeconds = 5;
constexpr int kBarCells = 20;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string bar(double share) {
  const int full = static_cast<int>(share * kBarCells);
  std::string cells;
  for (int i = 0; i < kBarCells; ++i) cells += i < full ? "█" : "░";
  return cells;
}

// Padded or cut to a number of columns.
std::string in_columns(const std::string& text, int columns) {
  std::string cut = clipped(text, columns);
  cut.append(static_cast<size_t>(std::max(0, columns - display_width(cut))), ' ');
  return cut;
}

double share_of(uint64_t here, uint64_t size) {
  return size == 0 ? 1 : std::min(1.0, static_cast<double>(here) / static_cast<double>(size));
}

std::string duration(double seconds) {
  if (!(seconds < 360000)) return "a while";
  const int s = static_cast<int>(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string sum_text(const TransferState& state, uint64_t here, uint64_t size) {
  std::string text =
      fmt::format("{} of {}", human_bytes(static_cast<double>(here)), human_bytes(static_cast<double>(size)));
  if (state.bytes_per_second > 0)
    text += fmt::format(", {}/s, {} left", human_bytes(state.bytes_per_second),
                        duration(static_cast<double>(size - std::min(here, size)) / state.bytes_per_second));
  return text;
}

struct Sum {
  uint64_t here = 0, size = 0;
};

Sum sum_of(const std::vector<TransferItem>& items) {
  Sum sum;
  for (const TransferItem& item : items) {
    sum.here += item.here;
    sum.size += item.size;
  }
  return sum;
}

}  // namespace

std::vector<std::string> progress_lines(const TransferState& state, int columns, int rows) {
  const int name_columns = std::clamp(columns - kBarCells - 20, 8, 48);
  const auto bar_with = [](uint64_t here, uint64_t size, const std::string& text) {
    const double share = share_of(here, size);
    return fmt::format("{} {:3.0f} % {}", bar(share), 100 * share, text);
  };
  std::vector<std::string> lines;
  for (const TransferItem& item : state.items) {
    if (item.here == 0 || item.here >= item.size || static_cast<int>(lines.size()) + 1 >= rows) continue;
    lines.push_back(in_columns(without_controls(item.name), name_columns) + " " +
                    bar_with(item.here, item.size, human_bytes(static_cast<double>(item.size))));
  }
  const Sum sum = sum_of(state.items);
  lines.push_back(bar_with(sum.here, sum.size, sum_text(state, sum.here, sum.size)));
  for (std::string& line : lines) line = clipped(line, columns);
  return lines;
}

PullProgress::PullProgress(PullProgressOptions options, std::vector<TransferItem> items)
    : options_(std::move(options)), items_(std::move(items)), here_(new std::atomic<uint64_t>[items_.size()]) {
  for (size_t i = 0; i < items_.size(); ++i) here_[i] = items_[i].here;
  thread_ = std::thread([this] { work(); });
}

PullProgress::~PullProgress() { finish(); }

void PullProgress::finish() {
  done_ = true;
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  erase();
}

void PullProgress::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  erase();
  options_.write(without_controls(text) + "\n");
}

void PullProgress::work() {
  const double start = seconds_now();
  double drawn = options_.redraw ? start - options_.frame_seconds : start;
  while (!done_) {
    const double now = seconds_now();
    if (!options_.silent && now - drawn >= (options_.redraw ? options_.frame_seconds : options_.line_seconds)) {
      draw(now);
      drawn = now;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TransferState PullProgress::state(double seconds) {
  TransferState state{.items = items_};
  for (size_t i = 0; i < items_.size(); ++i) state.items[i].here = here_[i].load(std::memory_order_relaxed);
  samples_.push_back({seconds, sum_of(state.items).here});
  while (samples_.size() > 2 && seconds - samples_[1].seconds >= kRateWindowSeconds) samples_.pop_front();
  const Sample &first = samples_.front(), &last = samples_.back();
  if (last.seconds > first.seconds && last.bytes > first.bytes)
    state.bytes_per_second = static_cast<double>(last.bytes - first.bytes) / (last.seconds - first.seconds);
  return state;
}

void PullProgress::draw(double seconds) {
  const std::lock_guard lock(mutex_);
  const TransferState now = state(seconds);
  if (!options_.redraw) {
    const Sum sum = sum_of(now.items);
    options_.write(sum_text(now, sum.here, sum.size) + "\n");
    return;
  }
  const ScreenSize screen = options_.screen();
  erase();
  // The last column stays free: some terminals wrap when it is written.
  const std::vector<std::string> lines = progress_lines(now, screen.columns - 1, screen.rows - 1);
  options_.write(fmt::format("{}", fmt::join(lines, "\n")));
  drawn_lines_ = static_cast<int>(lines.size());
}

void PullProgress::erase() {
  if (drawn_lines_ == 0) return;
  std::string back = "\r";
  if (drawn_lines_ > 1) back += fmt::format("\033[{}A", drawn_lines_ - 1);
  options_.write(back + "\033[J");
  drawn_lines_ = 0;
}

}  // namespace pent::cli
