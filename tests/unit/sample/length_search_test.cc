#include "sample/length_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sample/warm_start.h"

namespace pent {
namespace {

double bias(int length) { return std::exp(-1.77 * length) + 0.56 * std::exp(-0.06 * length) + 0.24; }  // LLaDA's in CAL

std::vector<int> up_to(int most) {
  std::vector<int> lengths(static_cast<size_t>(most));
  std::iota(lengths.begin(), lengths.end(), 1);
  return lengths;
}

TEST(LengthSearch, A03_CalibratedItFindsEveryLengthAndRawItDoesNot) {
  int raw_found = 0;
  for (int length = 1; length <= 64; ++length) {
    const auto search = [&](bool calibrated) {
      return search_length(
          up_to(64),
          [&](std::span<const int> lengths) {
            std::vector<double> scores;
            for (const int each : lengths) {
              const double confidence = bias(each) / (1 + 0.01 * std::abs(each - length));
              scores.push_back(calibrated ? confidence / bias(each) : confidence);
            }
            return scores;
          },
          100);
    };
    EXPECT_EQ(search(true), length);
    raw_found += search(false) == length;
  }
  EXPECT_LE(raw_found, 8);
}

TEST(LengthSearch, AsksInFewForwardsAndNeverMoreThanAllowed) {
  const std::vector<int> odd = {3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 41};
  int forwards = 0;
  std::vector<int> asked;
  const LengthScores scores = [&](std::span<const int> lengths) {
    ++forwards;
    asked.insert(asked.end(), lengths.begin(), lengths.end());
    return std::vector<double>(lengths.size(), 1.0);
  };
  EXPECT_EQ(search_length(odd, scores, 0), 13);
  EXPECT_EQ(forwards, 0);
  EXPECT_EQ(search_length(odd, scores, 1), 3);  // ties: the shorter
  EXPECT_EQ(forwards, 1);
  EXPECT_EQ(asked, (std::vector<int>{3, 5, 9, 17, 41}));
  EXPECT_EQ(search_length(odd, scores, 9), 3);
  EXPECT_EQ(forwards, 3);  // and one for its neighbours
  EXPECT_EQ(search_length(std::vector<int>{6}, scores, 9), 6);
  EXPECT_EQ(forwards, 3);
}

TEST(WarmStart, OpensTheLeastProbableShareOrWhatIsDoubted) {
  const std::vector<double> p = {0.9, 0.2, 0.8, 0.2, 0.95, 0.6, 0.6};
  using Places = std::vector<size_t>;
  EXPECT_EQ(cells_to_open(p, 0.0), Places{});
  EXPECT_EQ(cells_to_open(p, 0.1), Places{1});
  EXPECT_EQ(cells_to_open(p, 3.0 / 7), (Places{1, 3, 5}));
  EXPECT_EQ(cells_to_open(p, 1.0), (Places{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(cells_to_open(p, std::nullopt), (Places{0, 1, 2, 3, 4}));
  EXPECT_EQ(cells_to_open(std::vector<double>(30, 0.5), 0.1).size(), 3u);
  EXPECT_EQ(cells_to_open({}, std::nullopt), Places{});
}

}  // namespace
}  // namespace pent
