#include "sample/canvas.h"

#include <gtest/gtest.h>

#include "sample/length.h"

namespace pent {
namespace {

constexpr int32_t kMask = 99;

Canvas three_and_four() {
  Canvas canvas(kMask);
  canvas.append_fixed(std::vector<int32_t>{5, kMask, 7});
  canvas.append_masked(4);
  return canvas;
}

TEST(Canvas, StateAndNotTheTokenSaysWhetherACellIsMasked) {
  const Canvas canvas = three_and_four();
  EXPECT_EQ(canvas[1].token, kMask);
  EXPECT_EQ(canvas[1].state, CellState::kFixed);
  EXPECT_EQ(canvas.masked_count(0, 3), 0);
  EXPECT_EQ(canvas.masked_count(0, 7), 4);
  EXPECT_EQ(canvas.tokens(), (std::vector<int32_t>{5, kMask, 7, kMask, kMask, kMask, kMask}));
}

TEST(Canvas, CommittedCellKeepsTokenConfidenceAndStep) {
  Canvas canvas = three_and_four();
  canvas.commit(4, 12, 0.5f, 3);
  EXPECT_EQ(canvas[4].token, 12);
  EXPECT_EQ(canvas[4].state, CellState::kCommitted);
  EXPECT_EQ(canvas[4].confidence, 0.5f);
  EXPECT_EQ(canvas[4].step, 3);
}

TEST(Canvas, ReopenedCellLosesItsConfidence) {
  Canvas canvas = three_and_four();
  canvas.commit(4, 12, 0.5f, 3);
  canvas.reopen(4);
  EXPECT_EQ(canvas[4].token, kMask);
  EXPECT_EQ(canvas[4].state, CellState::kMasked);
  EXPECT_EQ(canvas[4].confidence, 0);
  EXPECT_EQ(canvas[4].step, -1);
}

TEST(CanvasDeathTest, FixedAndCommittedCellsAreNotWritten) {
  Canvas canvas = three_and_four();
  EXPECT_DEATH(canvas.commit(0, 1, 1, 0), "cell 0 is fixed");
  EXPECT_DEATH(canvas.reopen(0), "cell 0 is fixed");
  EXPECT_DEATH(canvas.reopen(3), "cell 3 is masked");
  canvas.commit(3, 1, 1, 0);
  EXPECT_DEATH(canvas.commit(3, 2, 1, 0), "cell 3 is committed");
  EXPECT_DEATH(canvas.commit(7, 2, 1, 0), "cell 7 of 7");
}

TEST(Length, LastBlockIsShorterWhenTheLengthDoesNotDivide) {
  Canvas canvas(kMask);
  canvas.append_fixed(std::vector<int32_t>{1, 2});
  canvas.append_masked(10);
  const auto blocks = cut_blocks(canvas, 4);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].begin, 2);
  EXPECT_EQ(blocks[0].end, 6);
  EXPECT_EQ(blocks[2].begin, 10);
  EXPECT_EQ(blocks[2].end, 12);
}

TEST(Length, FixedCellsBetweenHolesDoNotCount) {
  Canvas canvas(kMask);
  canvas.append_masked(2);
  canvas.append_fixed(std::vector<int32_t>{1, 2, 3});
  canvas.append_masked(3);
  const auto blocks = cut_blocks(canvas, 3);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].begin, 0);
  EXPECT_EQ(blocks[0].end, 6);
  EXPECT_EQ(blocks[1].begin, 6);
  EXPECT_EQ(blocks[1].end, 8);
}

TEST(Length, NothingMaskedIsNoBlock) {
  Canvas canvas(kMask);
  canvas.append_fixed(std::vector<int32_t>{1, 2, 3});
  EXPECT_TRUE(cut_blocks(canvas, 3).empty());
}

TEST(Length, FirstBlocksGetTheExtraStepsAndEachAtLeastOne) {
  EXPECT_EQ(share_steps(8, 2), (std::vector<int>{4, 4}));
  EXPECT_EQ(share_steps(10, 4), (std::vector<int>{3, 3, 2, 2}));
  EXPECT_EQ(share_steps(2, 4), (std::vector<int>{1, 1, 1, 1}));
}

}  // namespace
}  // namespace pent
