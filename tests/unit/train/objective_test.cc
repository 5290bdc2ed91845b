#include "train/objective/objective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

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

// Runs of scored positions of one window, with at most `apart` unscored ones inside; sorted.
std::vector<std::pair<size_t, size_t>> scored_runs(const NoisedBatch& batch, int32_t sequence, size_t apart) {
  std::vector<std::pair<size_t, size_t>> runs;
  for (const auto& row : batch.rows) {
    if (row.sequence != sequence) continue;
    const auto j = static_cast<size_t>(row.position);
    if (runs.empty() || j > runs.back().second + apart) runs.emplace_back(j, j);
    runs.back().second = j;
  }
  return runs;
}

double total_weight(const NoisedBatch& batch, int32_t sequence) {
  double sum = 0;
  for (const auto& row : batch.rows) sum += row.sequence == sequence ? row.weight : 0;
  return sum;
}

TEST(MaskedDiffusion, BlockWindowsHaveAFrontierAndOnlyMasksBehindIt) {
  const auto windows = windows_of(16, 400, 10);
  double frontiers = 0;
  for (uint32_t step = 0; step < 50; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.block_windows = 1, .mask = kMask}, step);
    for (size_t i = 0; i < windows.size(); ++i) {
      const auto& input = batch.inputs[i];
      size_t masks_begin = input.size();
      while (masks_begin > 0 && input[masks_begin - 1] == kMask) --masks_begin;
      frontiers += static_cast<double>(masks_begin) / (50 * 16);
      for (const auto& [first, last] : scored_runs(batch, static_cast<int32_t>(i), kShortestGap - 1))
        ASSERT_TRUE(last + kShortestGap >= masks_begin || last - first < kLongestSpan);
    }
    // What is masked is scored, and nothing else.
    for (size_t i = 0; i < windows.size(); ++i) {
      std::vector<bool> scored(400);
      for (const auto& row : batch.rows)
        if (row.sequence == static_cast<int32_t>(i)) scored[static_cast<size_t>(row.position)] = true;
      for (size_t j = 0; j < scored.size(); ++j) ASSERT_EQ(batch.inputs[i][j] == kMask, scored[j]);
    }
  }
  EXPECT_NEAR(frontiers, 205, 25);  // anywhere in the text
}

TEST(MaskedDiffusion, TheMasksBehindABlockWeighAQuarterOfTheWindow) {
  const auto windows = windows_of(64, 400, 10);
  double behind = 0, total = 0;
  for (uint32_t step = 0; step < 100; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.block_windows = 1, .mask = kMask}, step);
    for (int32_t i = 0; i < 64; ++i) {
      // A frontier with at least kFewestAtFullWeight tokens on either side, so that both parts have their full weight.
      std::vector<double> weights(400);
      for (const auto& row : batch.rows)
        if (row.sequence == i) weights[static_cast<size_t>(row.position)] = row.weight;
      size_t begin = 400;
      while (begin > 0 && weights[begin - 1] == weights[399] && weights[399] > 0) --begin;
      if (begin < 150 || begin + kFewestAtFullWeight > 400) continue;
      behind += static_cast<double>(400 - begin) * weights[399];
      total += 390.0 / static_cast<double>(batch.eligible);
    }
  }
  EXPECT_NEAR(behind / total, kShareBehindBlock, 0.01);
}

TEST(MaskedDiffusion, InfillWindowsAreSpansBetweenCleanText) {
  const auto windows = windows_of(16, 400, 10);
  size_t spans = 0;
  for (uint32_t step = 0; step < 50; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.infill_windows = 1, .mask = kMask}, step);
    for (int32_t i = 0; i < 16; ++i) {
      const auto& input = batch.inputs[static_cast<size_t>(i)];
      const auto runs = scored_runs(batch, i, kShortestGap - 1);
      spans += runs.size();
      for (const auto& [first, last] : runs) ASSERT_LT(last - first, kLongestSpan);
      size_t masked = 0, scored = 0;
      for (const TokenId id : input) masked += id == kMask;
      for (const auto& row : batch.rows) scored += row.sequence == i;
      ASSERT_EQ(masked, scored);
      ASSERT_NE(input.back(), kMask);
    }
  }
  EXPECT_GT(spans, 800u * 2);
  EXPECT_LT(spans, 800u * 7);
}

TEST(MaskedDiffusion, AWindowOfAnyShapeWeighsByItsLength) {
  const auto windows = windows_of(16, 400, 10);
  for (const auto& [block, infill] : {std::pair{0.0, 1.0}, {1.0, 0.0}}) {
    double sum = 0;
    constexpr int kSteps = 400;
    for (uint32_t step = 0; step < kSteps; ++step) {
      const NoisedBatch batch =
          noise_batch(windows, {.block_windows = block, .infill_windows = infill, .mask = kMask}, step);
      EXPECT_EQ(batch.eligible, 16 * 390);
      for (int32_t i = 0; i < 16; ++i) sum += total_weight(batch, i) / kSteps;
    }
    // Infill windows hardly ever have fewer than kFewestAtFullWeight tokens; a frontier near the start leaves only the block.
    EXPECT_GT(sum, infill > 0 ? 0.95 : 0.5);
    EXPECT_LT(sum, infill > 0 ? 1.05 : 0.95);
  }
}

TEST(MaskedDiffusion, ShapesComeInTheSharesAskedFor) {
  const auto windows = windows_of(16, 400, 10);
  int only_masks_at_the_end = 0, noised_at_the_end = 0;
  for (uint32_t step = 0; step < 200; ++step) {
    const NoisedBatch batch = noise_batch(windows, {.block_windows = 0.5, .infill_windows = 0.2, .mask = kMask}, step);
    for (int32_t i = 0; i < 16; ++i) {
      const auto& input = batch.inputs[static_cast<size_t>(i)];
      size_t masked = 0, scored = 0;
      for (const TokenId id : input) masked += id == kMask;
      for (const auto& row : batch.rows) scored += row.sequence == i;
      ASSERT_EQ(masked, scored);
      const auto at_the_end = std::count(input.end() - kShortestGap, input.end(), kMask);
      only_masks_at_the_end += at_the_end == kShortestGap;
      noised_at_the_end += at_the_end > 0;
    }
  }
  const double ends = 0.5 * 16 / 390;  // blocks that reach into the end have no or few masks behind them
  const double certain = 0.3 / 17;     // plain windows with t close to 1
  EXPECT_NEAR(only_masks_at_the_end / 3200.0, 0.5 - ends + certain, 0.03);
  EXPECT_NEAR(noised_at_the_end / 3200.0, 0.5 + 0.3 * 16 / 17, 0.03);  // infill windows never
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
