#include "cli/attention_mask.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pent::cli {
namespace {

std::vector<int32_t> sights(const char* mask, int n) {
  const std::vector<int32_t> tokens(static_cast<size_t>(n), 7);
  const PassPlan plan = make_pass_plan(parse_attention_mask(mask), 0, tokens);
  std::vector<int32_t> ends;
  for (const PassRow& row : plan.rows) {
    EXPECT_EQ(row.ranges_count, 1u);
    EXPECT_EQ(plan.ranges[row.ranges_begin].begin, 0);
    ends.push_back(plan.ranges[row.ranges_begin].end);
  }
  EXPECT_EQ(plan.head_rows.size(), tokens.size());
  return ends;
}

TEST(AttentionMask, FullSeesAllAndCausalWhatIsBefore) {
  EXPECT_EQ(sights("full", 3), (std::vector<int32_t>{3, 3, 3}));
  EXPECT_EQ(sights("causal", 3), (std::vector<int32_t>{1, 2, 3}));
}

TEST(AttentionMask, BlocksSeeThemselvesAndWhatIsBefore) {
  EXPECT_EQ(sights("block:2", 5), (std::vector<int32_t>{2, 2, 4, 4, 5}));
  EXPECT_EQ(sights("block:2:3", 7), (std::vector<int32_t>{1, 2, 3, 5, 5, 7, 7}));
  EXPECT_EQ(sights("block:2147483647:1", 3), (std::vector<int32_t>{1, 3, 3}));
}

TEST(AttentionMask, WhatIsNoMaskIsRefused) {
  for (const char* text : {"", "ful", "block", "block:", "block:0", "block:-1", "block:2:", "block:2:-1", "block:2:1:1",
                           "block:99999999999"}) {
    EXPECT_THROW(parse_attention_mask(text), Error) << text;
  }
}

}  // namespace
}  // namespace pent::cli
