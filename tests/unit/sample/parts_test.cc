// Score and select on hand-made logits.
#include <gtest/gtest.h>

#include <cmath>

#include "sample/score.h"
#include "sample/select.h"

namespace pent {
namespace {

// Logits (0, 1, 3) as the head answers them; token 1 was drawn.
RowStats hand_made_row() {
  RowStats row;
  const double sum = 1 + std::exp(1.0) + std::exp(3.0);
  row.argmax = 2;
  row.max_logit = 3;
  row.log_sum_exp = static_cast<float>(std::log(sum));
  row.entropy = 0.5f;
  row.drawn = 1;
  row.drawn_logit = 1;
  row.top = {{2, 3.0f}, {1, 1.0f}};
  return row;
}

TEST(Score, ConfidenceIsTheUntemperedProbabilityOfTheDrawnToken) {
  const double sum = 1 + std::exp(1.0) + std::exp(3.0);
  EXPECT_NEAR(confidence(hand_made_row()), std::exp(1.0) / sum, 1e-6);
  EXPECT_NEAR(score(ScoreKind::kProbability, ScoreOf::kModel, hand_made_row(), {}), std::exp(1.0) / sum, 1e-6);
}

TEST(Score, MarginIsBestMinusSecond) {
  const double sum = 1 + std::exp(1.0) + std::exp(3.0);
  EXPECT_NEAR(score(ScoreKind::kMargin, ScoreOf::kModel, hand_made_row(), {}), (std::exp(3.0) - std::exp(1.0)) / sum,
              1e-6);
}

TEST(Score, LowEntropyIsBetter) {
  EXPECT_DOUBLE_EQ(score(ScoreKind::kEntropy, ScoreOf::kModel, hand_made_row(), {}), -0.5);
}

TEST(Score, RandomIsTheOrderDrawOfTheCell) {
  const DrawKey key{.seed = 7, .n_index = 1, .step = 2, .cell = 3};
  DrawKey order = key;
  order.purpose = DrawPurpose::kOrder;
  EXPECT_EQ(score(ScoreKind::kRandom, ScoreOf::kModel, hand_made_row(), key), draw_uniform(order));
}

TEST(Score, AsksTheHeadOnlyForWhatItNeeds) {
  HeadRequest request;
  request_score(ScoreKind::kProbability, ScoreOf::kModel, request);
  EXPECT_FALSE(request.entropy);
  EXPECT_EQ(request.top, 0);
  request_score(ScoreKind::kEntropy, ScoreOf::kModel, request);
  EXPECT_TRUE(request.entropy);
  request_score(ScoreKind::kMargin, ScoreOf::kModel, request);
  EXPECT_EQ(request.top, 2);
}

TEST(Score, OfTheDrawsIsWhatTheHeadSaysOfTheDistributionDrawnFrom) {
  RowStats row = hand_made_row();
  row.drawn_from = {.probability = 0.25f, .margin = 0.5f, .entropy = 0.75f};
  EXPECT_EQ(score(ScoreKind::kProbability, ScoreOf::kDraws, row, {}), 0.25);
  EXPECT_EQ(score(ScoreKind::kMargin, ScoreOf::kDraws, row, {}), 0.5);
  EXPECT_EQ(score(ScoreKind::kEntropy, ScoreOf::kDraws, row, {}), -0.75);
  HeadRequest request;
  request_score(ScoreKind::kProbability, ScoreOf::kDraws, request);
  EXPECT_TRUE(request.drawn_from);
  EXPECT_EQ(parse_score_of("draws"), ScoreOf::kDraws);
  EXPECT_FALSE(parse_score_of("drawn"));
}

TEST(Score, NamesGoThereAndBack) {
  for (const ScoreKind kind : {ScoreKind::kProbability, ScoreKind::kEntropy, ScoreKind::kMargin, ScoreKind::kRandom})
    EXPECT_EQ(parse_score(to_string(kind)), kind);
  EXPECT_FALSE(parse_score("confidence"));
}

std::vector<Candidate> candidates_with(const std::vector<double>& scores) {
  std::vector<Candidate> candidates;
  for (const double score : scores)
    candidates.push_back({.cell = 10 + static_cast<int32_t>(candidates.size()), .score = score});
  return candidates;
}

using Indices = std::vector<size_t>;

TEST(Select, ScheduleGivesTheRemainderToTheFirstSteps) {
  EXPECT_EQ(transfer_schedule(10, 4), (std::vector<int>{3, 3, 2, 2}));
  EXPECT_EQ(transfer_schedule(8, 4), (std::vector<int>{2, 2, 2, 2}));
  EXPECT_EQ(transfer_schedule(2, 4), (std::vector<int>{1, 1, 0, 0}));
}

TEST(Select, TopTakesTheHighestInCellOrder) {
  const auto candidates = candidates_with({0.1, 0.9, 0.3, 0.8});
  EXPECT_EQ(select_top(candidates, 2), (Indices{1, 3}));
  EXPECT_EQ(select_top(candidates, 9), (Indices{0, 1, 2, 3}));
  EXPECT_EQ(select_top(candidates, 0), Indices{});
}

TEST(Select, TiesGoToTheLowestCell) {
  EXPECT_EQ(select_top(candidates_with({0.5, 0.7, 0.5, 0.7, 0.7}), 2), (Indices{1, 3}));
  EXPECT_EQ(select_top(candidates_with({0.5, 0.5, 0.5}), 1), Indices{0});
}

TEST(Select, ThresholdIsStrict) {
  EXPECT_EQ(select_above(candidates_with({0.9, 0.95, 0.5, 0.91}), 0.9), (Indices{1, 3}));
}

TEST(Select, TheBestIsTakenEvenBelowTheThreshold) {
  EXPECT_EQ(select_above(candidates_with({0.2, 0.4, 0.3}), 0.9), Indices{1});
  EXPECT_EQ(select_above(candidates_with({0.4, 0.4}), 0.9), Indices{0});
}

}  // namespace
}  // namespace pent
