// The planner's decisions on made-up cost curves.
#include "engine/mode_planner.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/mapped_file.h"
#include "fake_model.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

// T(1) = 1; each row more costs `more`.
CostCurve straight(double more) {
  std::vector<RowSeconds> points;
  for (const int rows : planned_rows()) points.push_back({rows, 1 + more * (rows - 1)});
  return CostCurve(std::move(points));
}

TEST(CostCurve, IsStraightBetweenPointsAndBeyond) {
  const CostCurve curve({{1, 1}, {3, 2}, {9, 8}});
  EXPECT_DOUBLE_EQ(curve.seconds(1), 1);
  EXPECT_DOUBLE_EQ(curve.seconds(2), 1.5);
  EXPECT_DOUBLE_EQ(curve.seconds(3), 2);
  EXPECT_DOUBLE_EQ(curve.seconds(6), 5);
  EXPECT_DOUBLE_EQ(curve.seconds(12), 11);
  EXPECT_DOUBLE_EQ(CostCurve({{2, 3}}).seconds(4), 6);
}

TEST(CostCurve, IsKeptForItsKeyAlone) {
  const TempDir directory;
  const std::filesystem::path path = directory.path() / "costs" / "a.json";
  const Json key = {{"threads", 2}};
  EXPECT_FALSE(read_costs(path, key)) << "not there";
  write_costs(path, key, CostCurve({{1, 0.25}, {5, 0.5}}));
  const auto curve = read_costs(path, key);
  ASSERT_TRUE(curve);
  ASSERT_EQ(curve->points().size(), 2u);
  EXPECT_EQ(curve->points()[1].rows, 5);
  EXPECT_EQ(curve->points()[1].seconds, 0.5);
  EXPECT_FALSE(read_costs(path, {{"threads", 3}}));
  const std::string whole = read_file(path);
  for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() / 2), std::string("[]"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[]})"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[[1,0]]})"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[[1,1e999]]})"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[[0,1]]})"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[[5,1],[1,1]]})"),
                                     std::string(R"({"schema":1,"key":{"threads":2},"curve":[["1",1]]})"),
                                     std::string(R"({"schema":2,"key":{"threads":2},"curve":[[1,1]]})")}) {
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_FALSE(read_costs(path, key)) << damaged;
  }
  EXPECT_NO_THROW(write_costs(directory.path() / "costs" / "a.json" / "below-a-file.json", key, *curve));
}

TEST(CostCurve, IsMeasuredWithinItsBudget) {
  FakeDenoiser denoiser(fake_ar_spec(), scrambled_logits(16));
  const CostCurve curve = measure_costs(denoiser, {1, 5, 9}, /*budget=*/0);
  EXPECT_EQ(denoiser.forwards, 1 + 3) << "one to warm up, one round";
  EXPECT_EQ(denoiser.rows_computed, 9 + 1 + 5 + 9);
  ASSERT_EQ(curve.points().size(), 3u);
  for (const RowSeconds& point : curve.points()) EXPECT_GT(point.seconds, 0);
  EXPECT_EQ(denoiser.open_sequences(), 0u);
}

TEST(Acceptance, CountsEachPlaceWhereAllBeforeItWereKept) {
  Acceptance acceptance;
  EXPECT_EQ(acceptance.at(0), 0);
  EXPECT_EQ(acceptance.tokens(4), 1);
  for (int i = 0; i < 3; ++i) acceptance.add({.drafted = 4, .accepted = 2});
  EXPECT_NEAR(acceptance.at(0), 0.75, 0.01) << "one failure is thought up";
  EXPECT_NEAR(acceptance.at(1), 0.75, 0.01);
  EXPECT_EQ(acceptance.at(2), 0);
  EXPECT_EQ(acceptance.at(3), 0) << "never reached: as the one before";
  EXPECT_NEAR(acceptance.tokens(4), 1 + 0.75 + 0.75 * 0.75, 0.02);
}

TEST(Acceptance, ForgetsWhatWasLongAgo) {
  Acceptance acceptance;
  for (int i = 0; i < 300; ++i) acceptance.add({.drafted = 1, .accepted = 1});
  EXPECT_GT(acceptance.at(0), 0.95);
  for (int i = 0; i < 200; ++i) acceptance.add({.drafted = 1, .accepted = 0});
  EXPECT_LT(acceptance.at(0), 0.06);
}

TEST(Planner, AGainIsTokensATimeAgainstAutoregressions) {
  // Two forwards of 1.4 write 3 + 1 tokens, where 4 forwards of 1 do.
  EXPECT_DOUBLE_EQ(speculation_gain(straight(0.1), 3, 4), 4 / 2.8);
  EXPECT_DOUBLE_EQ(speculation_gain(straight(0), 1, 8), 1) << "free rows that are never accepted gain and lose nothing";
  EXPECT_LT(speculation_gain(straight(1), 5, 4), 1) << "rows that cost as much as forwards";
}

TEST(Planner, TheBestLengthFollowsCostsAndAcceptance) {
  const auto best = [](double more, int64_t accepted) {
    Acceptance acceptance;
    for (int i = 0; i < 60; ++i) acceptance.add({.drafted = 8, .accepted = accepted});
    return best_draft(straight(more), acceptance).length;
  };
  EXPECT_EQ(best(0.02, 8), 8);
  EXPECT_EQ(best(0.02, 2), 2);
  EXPECT_EQ(best(0.15, 1), 1);
}

// What is drafted where nothing is ever accepted, and what it costs.
struct Course {
  int drafts = 0;
  double seconds = 0;
  int tokens = 0;
};

Course follow(ModePlanner& planner, const CostCurve& costs, int tokens,
              const std::function<int64_t(int length)>& accepted) {
  Course course;
  while (course.tokens < tokens) {
    const int length = planner.draft_length();
    course.seconds += costs.seconds(1 + length) * (length > 0 ? 2 : 1);
    const DraftCount draft{length, length > 0 ? accepted(length) : 0};
    course.tokens += length > 0 ? static_cast<int>(draft.accepted) + 2 : 1;
    course.drafts += length > 0;
    planner.saw(draft);
  }
  return course;
}

TEST(Planner, TriesThatAllFailCostNoMoreThanAHundredth) {
  for (const double more : {0.01, 0.05, 0.1, 0.2})
    for (const int tokens : {16, 64, 200, 1000, 5000}) {
      const CostCurve costs = straight(more);
      ModePlanner planner(costs);
      const Course course = follow(planner, costs, tokens, [](int) { return 0; });
      EXPECT_LE(course.seconds / course.tokens, 1 + ModePlanner::kMostLost + 1e-9) << more << ", " << tokens;
      EXPECT_FALSE(planner.speculates());
      if (tokens == 5000) {
        EXPECT_GT(course.drafts, 0) << "it goes on trying";
        EXPECT_NE(planner.reason().find("would be"), std::string::npos) << planner.reason();
      }
    }
}

TEST(Planner, ADrafterThatIsRightIsFoundAndUsed) {
  const CostCurve costs = straight(0.05);
  ModePlanner planner(costs);
  const Course course = follow(planner, costs, 400, [](int length) { return length; });
  EXPECT_TRUE(planner.speculates());
  EXPECT_LT(course.seconds, 400 * 0.6);
  EXPECT_NE(planner.reason().find("are "), std::string::npos) << planner.reason();
}

TEST(Planner, ADrafterThatTurnsBadIsLeft) {
  const CostCurve costs = straight(0.1);
  ModePlanner planner(costs);
  follow(planner, costs, 300, [](int length) { return length; });
  EXPECT_TRUE(planner.speculates());
  const Course course = follow(planner, costs, 2000, [](int) { return 0; });
  EXPECT_FALSE(planner.speculates());
  EXPECT_LT(course.seconds / course.tokens, 1.03);
}

TEST(Planner, NothingIsTriedWhereEvenGoodDraftsGainNothing) {
  const CostCurve costs = straight(1);
  ModePlanner planner(costs);
  EXPECT_EQ(follow(planner, costs, 5000, [](int length) { return length; }).drafts, 0);
  EXPECT_NE(planner.reason().find("even good drafts gain nothing"), std::string::npos) << planner.reason();
}

TEST(Planner, AShortAnswerIsNoPlaceForTries) {
  ModePlanner planner(straight(0.1));
  EXPECT_EQ(planner.draft_length(), 0);
  EXPECT_NE(planner.reason().find("too little was written"), std::string::npos) << planner.reason();
}

}  // namespace
}  // namespace pent
