#include "cli/terminal.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace pent::cli {
namespace {

TEST(Terminal, WidthsFollowUnicode) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("大きい"), 6);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\xff"), 1);
}

TEST(Terminal, ClippingKeepsWholeCharacters) {
  EXPECT_EQ(clipped("大きい", 5), "大き");
  EXPECT_EQ(clipped("abc", 10), "abc");
  EXPECT_EQ(clipped("abc", 0), "");
}

TEST(Terminal, ControlsAndBidirectionalOverridesAreReplaced) {
  EXPECT_EQ(without_controls("a\033[2Jb\x7f"), "a\ufffd[2Jb\ufffd");
  EXPECT_EQ(without_controls("a\u202eb"), "a\ufffdb");
  EXPECT_EQ(without_controls("line\n\tnext é"), "line\n\tnext é");
  EXPECT_EQ(without_controls("\u009b31m"), "\ufffd31m");
}

class ColorDepthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"NO_COLOR", "COLORTERM", "TERM"}) ::unsetenv(name);
  }
};

TEST_F(ColorDepthTest, FollowsTheEnvironment) {
  EXPECT_EQ(color_depth(), ColorDepth::kNone);
  ::setenv("TERM", "xterm", 1);
  EXPECT_EQ(color_depth(), ColorDepth::k16);
  ::setenv("TERM", "xterm-256color", 1);
  EXPECT_EQ(color_depth(), ColorDepth::k256);
  ::setenv("COLORTERM", "truecolor", 1);
  EXPECT_EQ(color_depth(), ColorDepth::kTrueColor);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(color_depth(), ColorDepth::kNone);
  ::setenv("NO_COLOR", "", 1);
  EXPECT_EQ(color_depth(), ColorDepth::kTrueColor);
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ(color_depth(), ColorDepth::kNone);
}

}  // namespace
}  // namespace pent::cli
