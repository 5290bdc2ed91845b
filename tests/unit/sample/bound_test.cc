// The likelihoods against exact enumeration on a three-token, four-word toy (spec 20 §20, oracle f).
#include "sample/bound.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/error.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;

constexpr int32_t kMask = 4;
ModelSpec toy_spec() { return {.family = "llada", .vocab_size = 5, .max_positions = 16, .mask_id = kMask}; }

double log_softmax(const std::vector<float>& logits, int32_t token) {
  double sum = 0;
  for (const float z : logits) sum += std::exp(static_cast<double>(z));
  return logits[static_cast<size_t>(token)] - std::log(sum);
}

// E over the mask count r (uniform 1 … n) and the subset: (n / r) * sum of -log p over masked positions.
double exact_bound(const Ids& context, const Ids& target) {
  const auto logits = scrambled_logits(5);
  const int n = static_cast<int>(target.size());
  double total = 0;
  std::vector<double> subset_loss(static_cast<size_t>(n) + 1), subsets(static_cast<size_t>(n) + 1);
  for (unsigned bits = 1; bits < 1u << n; ++bits) {
    Ids tokens = context;
    for (int i = 0; i < n; ++i) tokens.push_back(bits >> i & 1 ? kMask : target[static_cast<size_t>(i)]);
    double loss = 0;
    for (int i = 0; i < n; ++i)
      if (bits >> i & 1)
        loss -= log_softmax(logits(tokens, static_cast<int32_t>(context.size()) + i), target[static_cast<size_t>(i)]);
    const auto r = static_cast<size_t>(std::popcount(bits));
    subset_loss[r] += loss * n / static_cast<double>(r);
    subsets[r] += 1;
  }
  for (size_t r = 1; r <= static_cast<size_t>(n); ++r) total += subset_loss[r] / subsets[r] / n;
  return -total;
}

TEST(DiffusionBound, ConvergesToTheExactValueWithinItsStandardError) {
  FakeDenoiser model(toy_spec(), scrambled_logits(5));
  const ScoringItem item{{1, 2}, {3, 0, 2}};
  const LogLikelihood bound = diffusion_bound(model, item, {.draws = 6000, .width = 12, .seed = 3});
  EXPECT_NEAR(bound.log_prob, exact_bound(item.context, item.target), 4 * bound.standard_error);
  EXPECT_LT(bound.standard_error, 0.05);
  EXPECT_GT(bound.standard_error, 0);
  EXPECT_EQ(bound.tokens, 3);
  EXPECT_EQ(model.open_sequences(), 0u);
}

TEST(DiffusionBound, OneTokenIsExactWithOneForward) {
  FakeDenoiser model(toy_spec(), scrambled_logits(5));
  const LogLikelihood bound = diffusion_bound(model, {{1, 2}, {3}}, {.draws = 128});
  EXPECT_NEAR(bound.log_prob, exact_bound({1, 2}, {3}), 1e-5);
  EXPECT_EQ(bound.standard_error, 0);
  EXPECT_EQ(model.forwards, 1);
}

TEST(DiffusionBound, ContextIsNeverMasked) {
  FakeDenoiser model(toy_spec(), [](const Ids& seen, int32_t) {
    EXPECT_EQ(seen.at(0), 1);
    EXPECT_EQ(seen.at(1), 2);
    return std::vector<float>(5);
  });
  const LogLikelihood bound = diffusion_bound(model, {{1, 2}, {3, 0, 2}}, {.draws = 32});
  EXPECT_NEAR(bound.log_prob, -3 * std::log(5.0), 1e-5);  // every draw gives n log 5: no variance
  EXPECT_NEAR(bound.standard_error, 0, 1e-5);
}

TEST(DiffusionBound, OneDrawSaysNothingAboutItsError) {
  FakeDenoiser model(toy_spec(), scrambled_logits(5));
  EXPECT_TRUE(std::isnan(diffusion_bound(model, {{}, {3, 0}}, {.draws = 1}).standard_error));
}

TEST(DiffusionBound, MaskCountsAreSpreadEvenly) {
  EXPECT_EQ(mask_counts(8, 3, 4), (std::vector<int>{3, 5, 7, 1}));
  EXPECT_EQ(mask_counts(3, 3, 3), (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(mask_counts(1, 1, 2), (std::vector<int>{1, 1}));
  EXPECT_EQ(mask_counts(3, 1, 2), (std::vector<int>{1, 3}));  // 2.5 goes up
}

TEST(DiffusionBound, EveryMaskCountIsEquallyLikely) {
  for (const int size : {1, 2, 5, 12, 16}) {
    std::vector<int> seen(7);
    for (int k = 1; k <= 6; ++k)
      for (const int count : mask_counts(6, k, size)) ++seen.at(static_cast<size_t>(count));
    EXPECT_EQ(seen, (std::vector<int>{0, size, size, size, size, size, size}));
  }
}

TEST(DiffusionBound, EveryPositionIsMaskedEquallyOften) {
  std::vector<int> counts(6);
  for (uint32_t draw = 0; draw < 6000; ++draw) {
    const Ids masked = masked_positions(6, 2, draw, {.seed = 9});
    ASSERT_EQ(masked.size(), 2u);
    ASSERT_LT(masked[0], masked[1]);
    for (const int32_t i : masked) ++counts[static_cast<size_t>(i)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 2000, 150);
}

TEST(ArLogLikelihood, IsTheSumOfTheConditionals) {
  ModelSpec spec = fake_ar_spec(5);
  FakeDenoiser model(spec, scrambled_logits(5));
  const auto logits = scrambled_logits(5);
  const double expected = log_softmax(logits({1, 2}, 1), 3) + log_softmax(logits({1, 2, 3}, 2), 0) +
                          log_softmax(logits({1, 2, 3, 0}, 3), 2);
  const auto result = ar_log_likelihood(model, std::vector<ScoringItem>{{{1, 2}, {3, 0, 2}}});
  EXPECT_NEAR(result.at(0).log_prob, expected, 1e-5);
  EXPECT_EQ(result[0].standard_error, 0);
  EXPECT_EQ(result[0].tokens, 3);
}

TEST(ArLogLikelihood, SameAloneAndInABatch) {
  FakeDenoiser model(fake_ar_spec(5), scrambled_logits(5));
  const std::vector<ScoringItem> items = {{{1}, {2, 3}}, {{2, 2, 2}, {1}}, {{4}, {1, 2, 3, 4}}};
  const auto alone = ar_log_likelihood(model, items), together = ar_log_likelihood(model, items, 2);
  for (size_t i = 0; i < items.size(); ++i) EXPECT_EQ(alone[i].log_prob, together[i].log_prob);
  EXPECT_EQ(model.forwards, 3 + 2);
}

TEST(Bounds, WhatCannotBeScoredIsRefused) {
  FakeDenoiser ar(fake_ar_spec(5), scrambled_logits(5)), diffusion(toy_spec(), scrambled_logits(5));
  EXPECT_THROW(ar_log_likelihood(ar, std::vector<ScoringItem>{{{}, {1}}}), Error);
  EXPECT_THROW(ar_log_likelihood(ar, std::vector<ScoringItem>{{{1}, {}}}), Error);
  EXPECT_THROW(diffusion_bound(diffusion, {{1}, Ids(16, 1)}, {}), Error);
  EXPECT_THROW(diffusion_bound(diffusion, {{1}, {1}}, {.draws = 0}), Error);
}

}  // namespace
}  // namespace pent
