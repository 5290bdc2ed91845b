// Selection and revision: formulas on hand-made scores, and what holds for any.
#include "sample/select.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numeric>

#include "sample/revise.h"

namespace pent {
namespace {

using Indices = std::vector<size_t>;

std::vector<Candidate> candidates_with(const std::vector<double>& scores) {
  std::vector<Candidate> candidates;
  for (const double score : scores)
    candidates.push_back({.cell = 10 + static_cast<int32_t>(candidates.size()), .score = score});
  return candidates;
}

template <typename Property>
void check(Property property) {
  EXPECT_TRUE(rc::check(property));
}

TEST(SelectSchedule, CosineLeavesTheCosineShareOfMasks) {
  // floor(10 cos(pi/8 i)) for i = 1 … 4: 9, 7, 3, 0
  EXPECT_EQ(cosine_schedule(10, 4), (std::vector<int>{1, 2, 4, 3}));
  EXPECT_EQ(cosine_schedule(5, 1), std::vector<int>{5});
}

TEST(SelectSchedule, TimeStepsRevealTheFloorOfTheirShare) {
  // times 1, 0.75025, 0.5005, 0.25075, 0.001: 10 * 0.24975 -> 2, 8 * 0.33289 -> 2, 6 * 0.499 -> 2, the rest 4
  EXPECT_EQ(time_schedule(10, 4), (std::vector<int>{2, 2, 2, 4}));
  EXPECT_EQ(time_schedule(1, 3), (std::vector<int>{0, 0, 1}));  // more steps than masks: some reveal none
}

TEST(SelectSchedule, EverySchedulePaysOutAllMasksAndNeverTakesBack) {
  check([] {
    const int masks = *rc::gen::inRange(0, 200), steps = *rc::gen::inRange(1, 300);
    for (const auto& counts :
         {transfer_schedule(masks, steps), cosine_schedule(masks, steps), time_schedule(masks, steps)}) {
      RC_ASSERT(counts.size() == static_cast<size_t>(steps));
      RC_ASSERT(std::accumulate(counts.begin(), counts.end(), 0) == masks);
      for (const int count : counts) RC_ASSERT(count >= 0);
    }
  });
}

TEST(Select, FactorTakesWhileThePromiseOfJointCorrectnessHolds) {
  // thresholds from the second on with factor 1: 1 - 1/3, 1 - 1/4
  EXPECT_EQ(select_factor(candidates_with({0.7, 0.2, 0.9, 0.74}), 1), (Indices{2, 3}));  // third: 0.7 < 0.75
  EXPECT_EQ(select_factor(candidates_with({0.76, 0.2, 0.9, 0.78}), 1), (Indices{0, 2, 3}));
  EXPECT_EQ(select_factor(candidates_with({0.1, 0.2}), 1), Indices{1});
}

TEST(Select, EntropyBoundSumsAllButTheLargest) {
  const auto candidates = candidates_with({-0.3, -0.05, -0.1, -2});
  EXPECT_EQ(select_entropy_bound(candidates, 0.16), (Indices{0, 1, 2}));  // 0.05 + 0.1 <= 0.16, 0.45 is not
  EXPECT_EQ(select_entropy_bound(candidates, 0.06), (Indices{1, 2}));
  EXPECT_EQ(select_entropy_bound(candidates, 0), Indices{1});
}

TEST(Select, DynamicTakesTheThresholdsOrTheShare) {
  const auto candidates = candidates_with({0.96, 0.5, 0.97, 0.6});
  EXPECT_EQ(select_dynamic(candidates, 0.95, 1), (Indices{0, 2}));
  EXPECT_EQ(select_dynamic(candidates, 0.95, 3), (Indices{0, 2, 3}));
}

TEST(Select, DrawnWithoutTemperatureIsTheTopAndOtherwiseFollowsTheSoftmax) {
  const auto candidates = candidates_with({0.0, std::log(3.0)});
  EXPECT_EQ(select_drawn(candidates, 1, 0, {}), Indices{1});
  int second = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) second += select_drawn(candidates, 1, 1, {.seed = seed})[0] == 1 ? 1 : 0;
  EXPECT_NEAR(second / 4000.0, 0.75, 0.03);
}

TEST(Select, EveryRuleIsDistinctAscendingNotEmptyAndTheBestIsIn) {
  check([] {
    std::vector<double> scores;
    for (const int each : *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 100))))
      scores.push_back(each / 100.0);
    const double value = *rc::gen::inRange(0, 100) / 100.0;
    const auto candidates = candidates_with(scores);
    const size_t best = select_top(candidates, 1)[0];
    std::vector<double> entropies;
    for (const double score : scores) entropies.push_back(score - 1);
    for (const Indices& chosen :
         {select_above(candidates, value), select_factor(candidates, value * 3),
          select_entropy_bound(candidates_with(entropies), value), select_dynamic(candidates, value, 1)}) {
      RC_ASSERT(!chosen.empty());
      RC_ASSERT(std::find(chosen.begin(), chosen.end(), best) != chosen.end());
      for (size_t i = 0; i < chosen.size(); ++i) {
        RC_ASSERT(chosen[i] < candidates.size());
        RC_ASSERT((i == 0 || chosen[i - 1] < chosen[i]));  // RC_ASSERT's own || would read both sides
      }
    }
  });
}

TEST(Rules, WordsGoThereAndBack) {
  for (const char* word :
       {"linear", "cosine", "timestep", "threshold:0.9", "factor:1", "entropy:0.15", "dynamic:0.85", "ancestral"})
    EXPECT_EQ(to_string(parse_select(word)), word);
  for (const char* word :
       {"none", "edit:0.9", "p2", "remdm-cap:0.008", "remdm-rescale:0.015", "remdm-conf", "remdm-loop:0.02"})
    EXPECT_EQ(to_string(parse_remask(word)), word);
  EXPECT_EQ(parse_select("threshold"), (SelectRule{SelectKind::kThreshold, 0.9}));
}

TEST(Revise, MdlmRevealsItsShareOfTheTimeAndOpensNothing) {
  const StepChances chances = step_chances({}, 0.5, 0.4);
  EXPECT_DOUBLE_EQ(chances.open, 0);
  EXPECT_NEAR(chances.reveal, 0.2, 1e-12);  // (t - s) / t
  EXPECT_DOUBLE_EQ(step_chances({}, 0.1, 0).reveal, 1);
}

TEST(Revise, CapAndRescaleFollowTheirFormulas) {
  // t 0.5, s 0.4: alphas 0.5 and 0.6, sigma_max 0.8
  EXPECT_NEAR(step_chances({RemaskKind::kCap, 0.01}, 0.5, 0.4).open, 0.01, 1e-12);
  EXPECT_NEAR(step_chances({RemaskKind::kCap, 0.9}, 0.5, 0.4).open, 0.8, 1e-12);
  EXPECT_NEAR(step_chances({RemaskKind::kRescale, 0.1}, 0.5, 0.4).open, 0.08, 1e-12);
  EXPECT_NEAR(step_chances({RemaskKind::kRescale, 0.1}, 0.5, 0.4).reveal, (0.6 - 0.92 * 0.5) / 0.5, 1e-12);
  EXPECT_NEAR(step_chances({RemaskKind::kConfidence, 0}, 0.5, 0.4).open, 0.8, 1e-12);
}

TEST(Revise, TheLoopHoldsTheShareOfDecidedCells) {
  const StepChances held = step_chances({RemaskKind::kLoop, 0.02}, 0.5, 0.4);
  EXPECT_NEAR(held.open, 0.02, 1e-12);
  EXPECT_NEAR(held.reveal, 0.02 * 0.9 / 0.1, 1e-9);
  EXPECT_EQ(step_chances({RemaskKind::kLoop, 0.02}, 0.9, 0.8).open, 0);
  EXPECT_NEAR(step_chances({RemaskKind::kLoop, 0.02}, 0.05, 0).reveal, 1, 1e-9);
}

TEST(Revise, TheShareOfDecidedCellsFollowsItsScheduleInExpectation) {
  check([] {
    const auto kind = *rc::gen::element(RemaskKind::kNone, RemaskKind::kCap, RemaskKind::kRescale);
    const int steps = *rc::gen::inRange(1, 60), step = *rc::gen::inRange(0, steps);
    const double t = 1 - static_cast<double>(step) / steps, s = std::max(0.0, 1 - (step + 1.0) / steps);
    const StepChances chances = step_chances({kind, *rc::gen::inRange(0, 101) / 100.0}, t, s);
    RC_ASSERT(chances.open >= 0 && chances.open <= 1 && chances.reveal >= -1e-12 && chances.reveal <= 1);
    RC_ASSERT(std::abs((1 - t) * (1 - chances.open) + t * chances.reveal - (1 - s)) < 1e-9);
  });
}

TEST(Revise, ConfidenceSharesAreASoftmaxOfMinusConfidence) {
  const std::vector<double> shares = confidence_shares(std::vector<float>{0, 1});
  EXPECT_NEAR(shares[0], 1 / (1 + std::exp(-1.0)), 1e-9);
  EXPECT_NEAR(shares[0] + shares[1], 1, 1e-12);
}

TEST(Revise, PathPlanningMasksTheLowest) {
  const std::vector<double> scores = {0.5, 0.1, 0.5, 0.9};
  EXPECT_EQ(masked_by_path_planning(scores, 0.5), (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(masked_by_path_planning(scores, 1), std::vector<bool>(4, false));
}

}  // namespace
}  // namespace pent
