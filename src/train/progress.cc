// The progress bar and the metrics file (progress.h).
#include "train/progress.h"

#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/mapped_file.h"

namespace pent::train {
namespace {

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

// The whole lines of `metrics` up to this step.
std::string lines_until(std::string_view metrics, int64_t step) {
  std::string kept;
  for (size_t end; (end = metrics.find('\n')) != std::string_view::npos; metrics.remove_prefix(end + 1)) {
    const Json line = Json::parse(metrics.substr(0, end), nullptr, /*allow_exceptions=*/false);
    if (line.is_object() && line.contains("step") && line["step"].is_number_integer() && line["step"] <= step)
      kept.append(metrics.substr(0, end + 1));
  }
  return kept;
}

}  // namespace

Progress::Progress(const std::filesystem::path& run, int64_t first_step)
    : path_(run / "metrics.jsonl"),
      terminal_(::isatty(STDERR_FILENO) == 1),
      last_drawn_(Clock::now()),
      first_step_(first_step) {
  if (std::filesystem::exists(path_)) write_file_atomically(path_, lines_until(read_file(path_), first_step));
  metrics_.open(path_, std::ios::app);
  if (!metrics_) throw error(ErrorKind::kIo, "{}: cannot be opened for writing", path_.string());
}

Progress::~Progress() {
  if (bar_shown_) fmt::print(stderr, "\n");
}

void Progress::metric(Json record) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  record["time"] = static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) / 1000;
  metrics_ << to_json_line(record) << '\n' << std::flush;
  if (!metrics_) throw error(ErrorKind::kIo, "{}: cannot be written (disk full?)", path_.string());
}

void Progress::step(int64_t done, int64_t total, double loss, int64_t tokens, double seconds) {
  const auto now = Clock::now();
  const double weight = done - first_step_ <= 1 ? 1 : 0.1;
  rate_ += weight * (static_cast<double>(tokens) / seconds - rate_);
  seconds_per_step_ += weight * (seconds - seconds_per_step_);
  loss_ += weight * (loss - loss_);
  if (std::chrono::duration<double>(now - last_drawn_).count() < (terminal_ ? 0.2 : 20) && done != total) return;
  last_drawn_ = now;
  const std::string figures = fmt::format("step {}/{}  loss {:.3f}  {:.0f} tokens/s  {} left", done, total, loss_,
                                          rate_, duration(seconds_per_step_ * static_cast<double>(total - done)));
  if (!terminal_) {
    fmt::print(stderr, "{}\n", figures);
    return;
  }
  constexpr int kWidth = 24;
  const auto filled = static_cast<int>(kWidth * done / std::max<int64_t>(total, 1));
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  fmt::print(stderr, "\r\033[2K{} {}", bar, figures);
  std::fflush(stderr);
  bar_shown_ = true;
}

void Progress::note(const std::string& line) {
  fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[2K" : "", line);
  bar_shown_ = false;
}

}  // namespace pent::train
