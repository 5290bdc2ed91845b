#include "model/pass_plan.h"

#include <gtest/gtest.h>

namespace pent {
namespace {

// Encoded rows look back from where they stand, a canvas from where it begins.
TEST(PassPlan, AWindowCutsARowsSightAndACanvassAsAWhole) {
  PassPlan plan;
  plan.add_causal(0, std::vector<int32_t>(6, 1));
  plan.add_full(0, std::vector<int32_t>(3, 2), 6);
  plan.sequences.back().denoises = true;
  const PassPlan cut = cut_to_window(plan, 4);
  const auto sight = [&](uint32_t row) {
    EXPECT_EQ(cut.rows[row].ranges_count, 1u);
    const SlotRange& range = cut.ranges[cut.rows[row].ranges_begin];
    return std::pair(range.begin, range.end);
  };
  EXPECT_EQ(sight(0), std::pair(0, 1));
  EXPECT_EQ(sight(3), std::pair(0, 4));
  EXPECT_EQ(sight(5), std::pair(2, 6));
  for (const uint32_t row : {6u, 7u, 8u}) EXPECT_EQ(sight(row), std::pair(3, 9));  // three kept slots and the canvas
}

TEST(PassPlan, FullRowsShareOneRangeOverEverything) {
  PassPlan plan;
  plan.add_full(4, std::vector<int32_t>{7, 8, 9}, 10);
  ASSERT_EQ(plan.rows.size(), 3u);
  ASSERT_EQ(plan.ranges.size(), 1u);
  EXPECT_EQ(plan.ranges[0].begin, 0);
  EXPECT_EQ(plan.ranges[0].end, 13);
  EXPECT_EQ(plan.rows[2].token, 9);
  EXPECT_EQ(plan.rows[2].position, 12);
  EXPECT_EQ(plan.rows[2].slot, 12);
  EXPECT_EQ(plan.sequences[0].sequence, 4);
  EXPECT_EQ(plan.sequences[0].row_end, 3u);
}

TEST(PassPlan, CausalRowsSeeUpToThemselves) {
  PassPlan plan;
  plan.add_full(0, std::vector<int32_t>{1}, 0);
  plan.add_causal(1, std::vector<int32_t>{7, 8}, 5);
  EXPECT_EQ(plan.sequences[1].row_begin, 1u);
  for (int i = 0; i < 2; ++i) {
    const PassRow& row = plan.rows[1 + i];
    ASSERT_EQ(row.ranges_count, 1u);
    EXPECT_EQ(plan.ranges[row.ranges_begin].end, 6 + i);
  }
}

TEST(PassPlan, ClearLeavesNothing) {
  PassPlan plan;
  plan.add_causal(1, std::vector<int32_t>{7, 8}, 5);
  plan.head_rows = {0};
  plan.clear();
  EXPECT_TRUE(plan.rows.empty() && plan.sequences.empty() && plan.ranges.empty() && plan.head_rows.empty());
}

}  // namespace
}  // namespace pent
