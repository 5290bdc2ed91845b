#include "cli/pull_progress.h"

#include <gtest/gtest.h>

namespace pent::cli {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

TransferState state() {
  return {.items = {{"config.json", 1000, 1000},
                    {"model-00001.safetensors", 100 * kMiB, 50 * kMiB},
                    {"model-00002.safetensors", 100 * kMiB, 0}},
          .bytes_per_second = 10.0 * kMiB};
}

TEST(PullProgress, ShowsFilesUnderWayAndTheSum) {
  const std::vector<std::string> lines = progress_lines(state(), 80, 20);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("model-00001.safetensors "));
  EXPECT_NE(lines[0].find("██████████░░░░░░░░░░  50 % 100.0 MiB"), std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("█████░░░")) << lines[1];
  EXPECT_NE(lines[1].find("50.0 MiB of 200.0 MiB, 10.0 MiB/s, 0:15 left"), std::string::npos) << lines[1];
}

TEST(PullProgress, NeverLeavesItsScreen) {
  TransferState many = state();
  for (int i = 0; i < 50; ++i) many.items.push_back({"名前\x1b[31m" + std::to_string(i), 10, 5});
  for (const int columns : {1, 10, 30, 60, 200}) {
    const std::vector<std::string> lines = progress_lines(many, columns, 6);
    EXPECT_LE(lines.size(), 6u);
    for (const std::string& line : lines) {
      EXPECT_LE(display_width(line), columns) << line;
      EXPECT_EQ(line.find('\x1b'), std::string::npos);
    }
  }
}

TEST(PullProgress, EmptyFilesAndNoRateAreShown) {
  const std::vector<std::string> lines = progress_lines({.items = {{"empty", 0, 0}}}, 80, 10);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("100 % 0 B of 0 B"), std::string::npos) << lines[0];
  EXPECT_EQ(lines[0].find("/s"), std::string::npos);
}

TEST(PullProgress, WithoutATerminalALineNowAndThen) {
  std::string written;
  std::mutex mutex;
  {
    PullProgress progress({.write =
                               [&](std::string_view text) {
                                 const std::lock_guard lock(mutex);
                                 written += text;
                               },
                           .line_seconds = 0.02},
                          {{"a", 100, 10}});
    progress.set(0, 60);
    for (bool seen = false; !seen;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::lock_guard lock(mutex);
      seen = written.find("60 B of 100 B") != std::string::npos;
    }
    progress.note("a note");
  }
  EXPECT_NE(written.find("\na note\n"), std::string::npos) << written;
  EXPECT_EQ(written.find('\033'), std::string::npos);
}

}  // namespace
}  // namespace pent::cli
