#include "train/objective/objective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace pent::train {
namespace {

std::vector<Window> windows_of(size_t count, size_t length, int32_t loss_begin) {
  std::vector<Window> out(count);
  for (Window& window : out) {
    for (size_t i = 0; i < length; ++i) window.tokens.push_back(static_cast<TokenId>(10 + i % 7));
    window.loss_begin = loss_begin;
  }
  return out;
}

constexpr TokenId kMask = 99;

TEST(MaskedDiffusion, WeightsSumToOneInExpectation) {
  const auto windows = windows_of(16, 64, 0);
  double total = 0, squares = 0;
  constexpr int kSteps = 400;
  for (uint32_t step = 0; step < kSteps; ++step) {
    double sum = 0;
    for (const auto& row : noise_batch(windows, {.mask = kMask}, step).rows) sum += row.weight;
    total += sum;
    squares += sum * sum;
  }
  const double mean = total / kSteps, error = std::sqrt((squares / kSteps - mean * mean) / kSteps);
  EXPECT_NEAR(mean, 1.0, 4 * error + 1e-3);
  EXPECT_LT(error, 0.02);  // so a model that gives every token 1/V has loss ln V
}

TEST(MaskedDiffusion, TimesAreStratified) {
  // Of 32 windows at most one has t in each 1/32; the weight tells p, and p = (1 - eps) t + eps.
  const auto windows = windows_of(32, 400, 0);
  for (uint32_t step = 0; step < 20; ++step) {
    std::vector<double> probability(32, -1);
    const NoisedBatch batch = noise_batch(windows, {.epsilon = 1e-3, .mask = kMask}, step);
    for (const auto& row : batch.rows)
      probability[static_cast<size_t>(row.sequence)] =
          1 / (static_cast<double>(row.weight) * static_cast<double>(batch.eligible));
    std::vector<int> cells(32, 0);
    for (const double p : probability) {
      if (p < 0) continue;  // nothing masked: only where t is close to 0
      const double t = (p - 1e-3) / (1 - 1e-3);
      ++cells.at(static_cast<size_t>(std::min(31.0, std::floor(t * 32 + 1e-4))));
    }
    int empty = 0;
    for (const int count : cells) {
      EXPECT_LE(count, 1);
      empty += count == 0;
    }
    EXPECT_LE(empty, 1);
  }
}

TEST(MaskedDiffusion, PromptsStayCleanAndTargetsAreWhatWasHidden) {
  auto windows = windows_of(8, 50, 20);
  windows[3].tokens.resize(27);
  for (uint32_t step = 0; step < 10; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.mask = kMask}, step);
    EXPECT_EQ(batch.eligible, 7 * 30 + 7);
    size_t masked = 0;
    for (size_t i = 0; i < windows.size(); ++i) {
      for (size_t j = 0; j < windows[i].tokens.size(); ++j) {
        if (batch.inputs[i][j] == windows[i].tokens[j]) continue;
        EXPECT_EQ(batch.inputs[i][j], kMask);
        EXPECT_GE(j, 20u);
        ++masked;
      }
    }
    EXPECT_EQ(masked, batch.rows.size());
    for (const auto& row : batch.rows) {
      EXPECT_EQ(row.target, windows[static_cast<size_t>(row.sequence)].tokens[static_cast<size_t>(row.position)]);
      EXPECT_EQ(batch.inputs[static_cast<size_t>(row.sequence)][static_cast<size_t>(row.position)], kMask);
    }
  }
}

// What a window of one of the special shapes looks like: clean, then noised, then one of masks and clean text.
struct Shape {
  size_t clean_before = 0, masks_behind = 0, clean_behind = 0;
};

Shape shape_of(const Window& window, const std::vector<TokenId>& input) {
  const auto first = static_cast<size_t>(window.loss_begin);
  size_t from = first, to = input.size();
  while (from < to && input[from] != kMask) ++from;
  Shape shape{.clean_before = from - first};
  while (to > from && input[to - 1] == kMask) --to, ++shape.masks_behind;
  for (to = input.size(); to > from && input[to - 1] != kMask; --to) ++shape.clean_behind;
  return shape;
}

TEST(MaskedDiffusion, BlockWindowsAreCleanThenNoisedThenAllMasked) {
  const auto windows = windows_of(16, 400, 10);
  double behind = 0, before = 0;
  for (uint32_t step = 0; step < 50; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.block_windows = 1, .mask = kMask}, step);
    for (size_t i = 0; i < windows.size(); ++i) {
      const Shape shape = shape_of(windows[i], batch.inputs[i]);
      // Behind the longest block that may begin where the first mask is, nothing is left.
      for (size_t j = 10 + shape.clean_before + kLongestBlock; j < 400; ++j) ASSERT_EQ(batch.inputs[i][j], kMask);
      behind += static_cast<double>(shape.masks_behind) / (50 * 16);
      before += static_cast<double>(shape.clean_before) / (50 * 16);
    }
    double weight = 0;
    for (const auto& row : batch.rows) {
      EXPECT_GE(row.weight * static_cast<float>(batch.eligible), 0.999f);  // 1 where masked for sure, else 1/p
      weight += row.weight;
    }
    EXPECT_NEAR(weight, 1, 0.5);
    EXPECT_LE(batch.rows.size(), static_cast<size_t>(batch.eligible));
  }
  EXPECT_NEAR(before, 200, 40);  // the block begins anywhere
  EXPECT_NEAR(behind, 140, 40);
}

TEST(MaskedDiffusion, InfillWindowsAreCleanOnBothSides) {
  const auto windows = windows_of(16, 400, 10);
  for (uint32_t step = 0; step < 50; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.infill_windows = 1, .mask = kMask}, step);
    EXPECT_LE(batch.eligible, 16 * kLongestBlock);
    for (const auto& input : batch.inputs) {
      const auto first = std::find(input.begin(), input.end(), kMask),
                 last = std::find(input.rbegin(), input.rend(), kMask).base();
      if (first != input.end()) {
        EXPECT_LE(last - first, kLongestBlock);
      }
    }
  }
}

TEST(MaskedDiffusion, ShapesComeInTheSharesAskedFor) {
  const auto windows = windows_of(16, 400, 10);
  int all_over = 0;
  for (uint32_t step = 0; step < 100; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.block_windows = 0.5, .infill_windows = 0.2, .mask = kMask}, step);
    for (size_t i = 0; i < windows.size(); ++i) {
      const Shape shape = shape_of(windows[i], batch.inputs[i]);
      all_over += shape.clean_before < 20 && shape.masks_behind < 20 && shape.clean_behind < 20;
    }
  }
  EXPECT_NEAR(all_over / 1600.0, 0.3, 0.1);
}

TEST(MaskedDiffusion, DrawsDependOnSeedAndStepAlone) {
  const auto windows = windows_of(4, 30, 0);
  const auto inputs = [&](uint64_t seed, uint32_t step) {
    return noise_batch(windows, {.mask = kMask, .seed = seed}, step).inputs;
  };
  EXPECT_EQ(inputs(1, 7), inputs(1, 7));
  EXPECT_NE(inputs(1, 7), inputs(1, 8));
  EXPECT_NE(inputs(1, 7), inputs(2, 7));
}

TEST(NextToken, EveryTokenIsPredictedFromTheOneBefore) {
  const auto windows = windows_of(2, 12, 5);
  const NoisedBatch batch = noise_batch(windows, {.diffusion = false, .mask = kMask}, 0);
  ASSERT_EQ(batch.rows.size(), 14u);
  double weight = 0;
  for (const auto& row : batch.rows) {
    EXPECT_EQ(row.target, windows[0].tokens[static_cast<size_t>(row.position) + 1]);
    EXPECT_GE(row.position, 4);
    weight += row.weight;
  }
  EXPECT_NEAR(weight, 1.0, 1e-6);
  EXPECT_EQ(batch.inputs[0], windows[0].tokens);
}

TEST(NextToken, TokenMaskHidesInputsNeverTargets) {
  const auto windows = windows_of(8, 500, 1);
  const NoisedBatch batch = noise_batch(windows, {.diffusion = false, .token_mask = 0.15, .mask = kMask}, 3);
  size_t hidden = 0;
  for (const auto& input : batch.inputs) hidden += static_cast<size_t>(std::count(input.begin(), input.end(), kMask));
  EXPECT_NEAR(static_cast<double>(hidden) / (8 * 499), 0.15, 0.03);
  for (const auto& row : batch.rows) EXPECT_NE(row.target, kMask);
}

}  // namespace
}  // namespace pent::train
