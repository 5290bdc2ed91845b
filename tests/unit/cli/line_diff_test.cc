#include "cli/line_diff.h"

#include <gtest/gtest.h>

namespace pent::cli {
namespace {

// As diff -u says it, but for the dates.
TEST(LineDiff, HunksHaveThreeLinesAroundChanges) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n", "x", "y"), "");
  EXPECT_EQ(unified_diff("", "", "x", "y"), "");
  EXPECT_EQ(unified_diff("a\nb\nc\n", "a\nB\nc\n", "x", "y"), "--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  EXPECT_EQ(unified_diff("", "a\n", "x", "y"), "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(unified_diff("a\n", "", "x", "y"), "--- x\n+++ y\n@@ -1 +0,0 @@\n-a\n");
  EXPECT_EQ(unified_diff("a", "b", "x", "y"),
            "--- x\n+++ y\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n");
}

TEST(LineDiff, FarChangesAreHunksOfTheirOwn) {
  std::string before, after;
  for (int line = 1; line <= 20; ++line) {
    before += std::to_string(line) + "\n";
    if (line == 2)
      after += "two\n";
    else if (line != 18)
      after += std::to_string(line) + "\n";
  }
  EXPECT_EQ(
      unified_diff(before, after, "x", "y"),
      "--- x\n+++ y\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -15,6 +15,5 @@\n 15\n 16\n 17\n-18\n 19\n 20\n");
}

}  // namespace
}  // namespace pent::cli
