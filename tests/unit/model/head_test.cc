#include "model/head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "support/expect_error.h"

namespace pent {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

RowStats reduce(std::vector<float> logits, const HeadRequest& request, size_t row = 0) {
  return reduce_logits(logits, request, row);
}

TEST(Head, ARowGetsOnlyWhatItIsAllowed) {
  HeadRequest request;
  request.allowed = {nullptr, std::make_shared<const TokenSet>(TokenSet{0b1001})};
  std::vector<float> first = {0, 3, 2, 1}, second = first;
  EXPECT_EQ(reduce_logits(first, request, 0).argmax, 1);
  const RowStats stats = reduce_logits(second, request, 1);
  EXPECT_EQ(stats.argmax, 3);
  EXPECT_NEAR(stats.log_sum_exp, std::log(1 + std::exp(1.0)), 1e-6);
  EXPECT_ERROR(check_head_request(request, 3, 4), kInvalidArgument, "2 sets of tokens for 3 rows");
  EXPECT_ERROR(check_head_request(request, 2, 65), kInvalidArgument, "a set of 1 words for a vocabulary of 65");
}

TEST(Head, ArgmaxTakesTheLowestIdOnTies) {
  const RowStats stats = reduce({1, 3, 2, 3}, {});
  EXPECT_EQ(stats.argmax, 1);
  EXPECT_EQ(stats.max_logit, 3);
  EXPECT_EQ(stats.drawn, 1);
  EXPECT_EQ(stats.drawn_logit, 3);
}

TEST(Head, LogSumExpAndEntropyOfKnownDistributions) {
  HeadRequest request;
  request.entropy = true;
  const RowStats uniform = reduce(std::vector<float>(8, 5.0f), request);
  EXPECT_NEAR(uniform.log_sum_exp, 5 + std::log(8.0), 1e-6);
  EXPECT_NEAR(uniform.entropy, std::log(8.0), 1e-6);
  const RowStats halves = reduce({0, static_cast<float>(std::log(3.0))}, request);
  EXPECT_NEAR(halves.log_sum_exp, std::log(4.0), 1e-6);
  EXPECT_NEAR(halves.entropy, -0.25 * std::log(0.25) - 0.75 * std::log(0.75), 1e-6);
  const RowStats certain = reduce({0, 500, -500}, request);
  EXPECT_EQ(certain.log_sum_exp, 500);
  EXPECT_EQ(certain.entropy, 0);
}

TEST(Head, BiasesActFirstAndMayBan) {
  HeadRequest request;
  request.entropy = true;
  request.top = 5;
  request.biases = {{1, -kInfinity}, {2, 2.5f}};
  request.targets = {1};
  const RowStats stats = reduce({1, 9, 0, 0}, request);
  EXPECT_EQ(stats.argmax, 2);
  EXPECT_EQ(stats.max_logit, 2.5f);
  EXPECT_EQ(stats.target_logit, -kInfinity);
  EXPECT_NEAR(stats.log_sum_exp, std::log(std::exp(1) + std::exp(2.5) + 1), 1e-6);
  EXPECT_TRUE(std::isfinite(stats.entropy));
  ASSERT_EQ(stats.top.size(), 3u);  // banned tokens are not listed
  EXPECT_EQ(stats.top[0].token, 2);
  EXPECT_EQ(stats.top[2].token, 3);
}

TEST(Head, LogitsAreDividedAfterTheBiasesAndBeforeAllElse) {
  std::vector<float> logits = {1, 2, 3}, quotients = {3, 1, 1.5f};
  HeadRequest request{.entropy = true, .biases = {{0, 5}}};
  request.divisors = {2};
  const RowStats stats = reduce_logits(logits, request, 0), expected = reduce_logits(quotients, {.entropy = true}, 0);
  EXPECT_EQ(logits, quotients);
  EXPECT_EQ(stats.entropy, expected.entropy);
  EXPECT_EQ(stats.log_sum_exp, expected.log_sum_exp);
  for (const float divisor : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    request.divisors = {divisor};
    EXPECT_THROW(check_head_request(request, 1, 3), Error);
  }
  EXPECT_THROW(check_head_request(request, 2, 3), Error);
}

TEST(Head, TopListsTheBestWithLowerIdsFirst) {
  HeadRequest request;
  request.top = 3;
  const RowStats stats = reduce({2, 7, 2, 7, 1, 2}, request);
  ASSERT_EQ(stats.top.size(), 3u);
  EXPECT_EQ(stats.top[0].token, 1);
  EXPECT_EQ(stats.top[1].token, 3);
  EXPECT_EQ(stats.top[2].token, 0);
  EXPECT_EQ(stats.top[2].logit, 2);
}

// How often each token is drawn over many keys.
std::map<int32_t, double> frequencies(const std::vector<float>& logits, HeadRequest request, int draws = 20000) {
  std::map<int32_t, double> counts;
  request.keys.resize(1);
  for (int i = 0; i < draws; ++i) {
    request.keys[0] = {.seed = 3, .step = static_cast<uint32_t>(i)};
    counts[reduce(logits, request).drawn] += 1.0 / draws;
  }
  return counts;
}

TEST(Head, DrawsFollowTheTemperedDistribution) {
  HeadRequest request;
  request.temperature = 2;
  const auto found = frequencies({0, 2, 4}, request);
  const double total = 1 + std::exp(1) + std::exp(2);
  EXPECT_NEAR(found.at(0), 1 / total, 0.01);
  EXPECT_NEAR(found.at(1), std::exp(1) / total, 0.01);
  EXPECT_NEAR(found.at(2), std::exp(2) / total, 0.01);
}

TEST(Head, TopKAndTopPCutTheDistribution) {
  HeadRequest request;
  request.temperature = 1;
  request.top_k = 2;
  EXPECT_EQ(frequencies({1, 1, 1, 0}, request).size(), 2u);  // ids 0 and 1 of the three equals
  EXPECT_EQ(frequencies({1, 1, 1, 0}, request).count(2), 0u);
  request.top_k = 0;
  request.top_p = 0.5f;  // 0.25 each: exactly two reach it
  const auto two = frequencies({1, 1, 1, 1}, request);
  EXPECT_EQ(two.size(), 2u);
  EXPECT_EQ(two.count(1), 1u);
  request.top_p = 0.51f;
  EXPECT_EQ(frequencies({1, 1, 1, 1}, request).size(), 3u);
  request.top_p = 1e-6f;  // never fewer than one
  EXPECT_EQ(frequencies({0, 3, 1}, request).size(), 1u);
}

TEST(Head, SaysWhatItDrewFrom) {
  // Tempered by a half the logits are 0, 2 ln 2, 2 ln 4: weights 1, 4, 16, of which top_k keeps 4 and 16.
  const std::vector<float> logits = {0, static_cast<float>(std::log(2.0)), static_cast<float>(std::log(4.0))};
  HeadRequest request;
  request.drawn_from = true;
  request.temperature = 0.5f;
  request.keys = {{.seed = 1}};
  for (const int top_k : {2, 0}) {
    request.top_k = top_k;
    const double total = top_k == 2 ? 20 : 21;
    for (request.keys[0].seed = 0; request.keys[0].seed < 20; ++request.keys[0].seed) {
      const RowStats stats = reduce(logits, request);
      EXPECT_NEAR(stats.drawn_from.probability, std::pow(4.0, stats.drawn) / total, 1e-6);
      EXPECT_NEAR(stats.drawn_from.margin, 12 / total, 1e-6);
      double entropy = 0;
      for (int v = top_k == 2 ? 1 : 0; v < 3; ++v) {
        const double p = std::pow(4.0, v) / total;
        entropy -= p * std::log(p);
      }
      EXPECT_NEAR(stats.drawn_from.entropy, entropy, 1e-6);
    }
  }
}

TEST(Head, MinPKeepsWhatIsProbableEnough) {
  HeadRequest request;
  request.temperature = 1;
  request.min_p = 0.3f;
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.15f), std::log(0.35f)};
  const auto found = frequencies(logits, request);
  ASSERT_EQ(found.size(), 3u);  // 0.1 is a quarter of 0.4, 0.15 is more than 0.3 of it
  EXPECT_NEAR(found.at(1), 0.4 / 0.9, 0.01);
  request.temperature = 2;  // of the tempered distribution: sqrt(0.1 / 0.4) = 0.5
  EXPECT_EQ(frequencies(logits, request).size(), 4u);
  request.temperature = 1;
  request.top_p = 0.4f;  // of what min_p leaves
  EXPECT_EQ(frequencies(logits, request).size(), 1u);
  request.top_p = 0.5f;
  EXPECT_EQ(frequencies(logits, request).size(), 2u);
  request.min_p = 1;
  EXPECT_EQ(frequencies(logits, request).size(), 1u);
}

TEST(Head, ThePenaltyLowersPositiveAndNegativeLogits) {
  HeadRequest request;
  request.repetition_penalty = 2;
  request.recent = {{}, {0, 2, 3}};
  request.biases = {{3, -kInfinity}};
  request.full_logits = true;
  std::vector<float> logits = {4, 3, -1, 5};
  const RowStats stats = reduce_logits(logits, request, 1);
  EXPECT_EQ(logits, (std::vector<float>{2, 3, -2, -kInfinity}));
  EXPECT_EQ(stats.argmax, 1);
  std::vector<float> other = {4, 3, -1, 5};
  EXPECT_EQ(reduce_logits(other, request, 0).argmax, 0);  // each row has its own
  EXPECT_EQ(other[2], -1);
}

TEST(Head, TopPOfAFlatDistributionIsALongList) {
  // 4000 tokens of nearly the same weight and a heavy tail of light ones: half of the mass is some 2000 of the former.
  HeadRequest request;
  request.temperature = 1;
  request.top_p = 0.5f;
  std::vector<float> logits(20000, -6.0f);
  for (int token = 0; token < 4000; ++token)
    logits[static_cast<size_t>(token) * 5] = 0.0001f * static_cast<float>(token % 7);
  const double tail = 16000 * std::exp(-6.0), heads = 4000;
  const auto found = frequencies(logits, request, 3000);
  int32_t heavier = 0;
  for (const auto& [token, share] : found) {
    ASSERT_EQ(token % 5, 0) << token;
    heavier = std::max(heavier, token / 5 % 7);
  }
  EXPECT_EQ(heavier, 6);
  // The heaviest sevenths come first: what is drawn stops in the fourth of them.
  for (const auto& [token, share] : found) EXPECT_GE(token / 5 % 7, 7 - std::ceil((heads + tail) / 2 / (heads / 7)));
}

TEST(Head, TheDrawInvertsTheCumulativeMassInIdOrder) {
  HeadRequest request;
  request.temperature = 1;
  request.keys = {{.seed = 42, .n_index = 1, .step = 7, .cell = 9}};
  const double u = draw_uniform(request.keys[0]);
  const std::vector<float> logits = {0.5f, -1.0f, 2.0f, 1.0f, 0.0f};
  double total = 0, cumulative = 0;
  for (const float z : logits) total += std::exp(double{z} - 2.0);
  int32_t expected = -1;
  for (size_t i = 0; expected < 0; ++i) {
    cumulative += std::exp(double{logits[i]} - 2.0);
    if (cumulative > u * total) expected = static_cast<int32_t>(i);
  }
  EXPECT_EQ(reduce(logits, request).drawn, expected);
  EXPECT_EQ(reduce(logits, request).drawn_logit, logits[expected]);
}

TEST(Head, AVanishingTemperatureDrawsTheMaximum) {
  HeadRequest request;
  request.temperature = 1e-38f;
  EXPECT_EQ(frequencies({0, 1, 1.0001f, -3}, request, 100).size(), 1u);
}

TEST(Head, BannedTokensAreNeverDrawn) {
  HeadRequest request;
  request.temperature = 5;
  request.biases = {{0, -kInfinity}, {2, -kInfinity}};
  const auto found = frequencies({9, 0, 9, 0}, request, 500);
  EXPECT_EQ(found.count(0) + found.count(2), 0u);
}

TEST(Head, LogitsThatAreNotFiniteAreRefusedWithTheirRow) {
  for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    try {
      reduce({0, bad, 1}, {}, 12);
      FAIL();
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::kCorrupt);
      EXPECT_NE(std::string(failure.what()).find("12"), std::string::npos);
    }
  }
}

TEST(Head, BanningEveryTokenIsRefused) {
  HeadRequest request;
  request.biases = {{0, -kInfinity}, {1, -kInfinity}};
  EXPECT_THROW(reduce({0, 1}, request), Error);
}

TEST(Head, RequestsThatContradictThemselvesAreRefused) {
  const auto refused = [](auto spoil) {
    HeadRequest request;
    spoil(request);
    EXPECT_THROW(check_head_request(request, 2, 10), Error);
  };
  EXPECT_NO_THROW(check_head_request({}, 2, 10));
  refused([](HeadRequest& r) { r.temperature = -1; });
  refused([](HeadRequest& r) { r.temperature = std::nanf(""); });
  refused([](HeadRequest& r) { r.temperature = 1; });  // no keys
  refused([](HeadRequest& r) { r.top_p = 0; });
  refused([](HeadRequest& r) { r.top_p = 1.5f; });
  refused([](HeadRequest& r) { r.top_k = -1; });
  refused([](HeadRequest& r) { r.min_p = -0.1f; });
  refused([](HeadRequest& r) { r.min_p = std::nanf(""); });
  refused([](HeadRequest& r) { r.repetition_penalty = 0; });
  refused([](HeadRequest& r) { r.repetition_penalty = 1.1f; });  // whose tokens?
  refused([](HeadRequest& r) { r.recent = {{3}, {10}}; });
  refused([](HeadRequest& r) { r.top = -1; });
  refused([](HeadRequest& r) { r.targets = {1}; });
  refused([](HeadRequest& r) { r.targets = {1, 10}; });
  refused([](HeadRequest& r) { r.biases = {{10, 0.0f}}; });
  refused([](HeadRequest& r) { r.biases = {{1, std::nanf("")}}; });
  refused([](HeadRequest& r) { r.biases = {{1, kInfinity}}; });
}

}  // namespace
}  // namespace pent
