#include "eval/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/synth.h"
#include "sample/bound.h"
#include "support/expect_error.h"

namespace pent {
namespace {

struct Pair {
  explicit Pair(bool diffusion) {
    const ModelSpec spec{.family = diffusion ? "llada" : "llama",
                         .attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal,
                         .vocab_size = 96,
                         .d_model = 64,
                         .n_layers = 2,
                         .n_heads = 2,
                         .n_kv_heads = 2,
                         .head_dim = 32,
                         .ffn_dim = 96,
                         .max_positions = 64,
                         .mask_id = diffusion ? 95 : -1,
                         .eos_id = 0,
                         .stop_ids = {0}};
    const ModelFiles files = make_random_model(spec, 3);
    packed = load_native(files, pool);
    precise = load_native(files, pool, {.precise = true});
    for (int32_t i = 0; i < 100; ++i) tokens.push_back(1 + i * 37 % 90);
  }
  ThreadPool pool{2};
  std::unique_ptr<Denoiser> packed, precise;
  std::vector<int32_t> tokens;
};

TEST(Accuracy, AModelIsAsNearToItselfAsCanBe) {
  for (const bool diffusion : {false, true}) {
    Pair pair(diffusion);
    const Accuracy self = compare_with_precise(*pair.precise, *pair.precise, pair.tokens, 16, 3);
    EXPECT_EQ(self.windows, 3);
    EXPECT_EQ(self.rows, 3 * (diffusion ? 8 : 7));
    EXPECT_NEAR(self.kl, 0, 1e-6);
    EXPECT_EQ(self.same_best, 1);
    EXPECT_EQ(self.perplexity, self.precise_perplexity);
  }
}

TEST(Accuracy, PackedWeightsAreNearButNotEqual) {
  for (const bool diffusion : {false, true}) {
    Pair pair(diffusion);
    const Accuracy found = compare_with_precise(*pair.packed, *pair.precise, pair.tokens, 32, 10);
    EXPECT_EQ(found.windows, 3);  // there are no more
    EXPECT_GT(found.kl, 0);
    EXPECT_LT(found.kl, 0.01);
    EXPECT_NEAR(found.perplexity / found.precise_perplexity, 1, 0.01);
  }
}

// Perplexity is that of the tokens behind the first half: once by way of sample/bound.h.
TEST(Accuracy, PerplexityIsThatOfTheSecondHalf) {
  Pair pair(false);
  const Accuracy found = compare_with_precise(*pair.packed, *pair.precise, pair.tokens, 20, 1);
  ScoringItem item;
  item.context.assign(pair.tokens.begin(), pair.tokens.begin() + 11);
  item.target.assign(pair.tokens.begin() + 11, pair.tokens.begin() + 20);
  const LogLikelihood expected = ar_log_likelihood(*pair.precise, std::span(&item, 1)).front();
  EXPECT_NEAR(found.precise_perplexity, std::exp(-expected.log_prob / 9), 1e-4 * found.precise_perplexity);
}

// The rows that decide: of a shifted model those before the masks.
TEST(Accuracy, ShiftedAndBlockwiseModelsAreReadTheirWay) {
  Pair pair(true);
  ModelSpec spec = pair.precise->spec();
  spec.family = "dream";
  spec.shift = spec.qkv_bias = true;
  const ModelFiles files = make_random_model(spec, 3);
  const auto shifted = load_native(files, pair.pool, {.precise = true});
  ASSERT_TRUE(shifted->spec().shift);
  const Accuracy found = compare_with_precise(*shifted, *shifted, pair.tokens, 16, 1);
  EXPECT_EQ(found.rows, 8);

  std::vector<int32_t> canvas(pair.tokens.begin(), pair.tokens.begin() + 16);
  std::fill(canvas.begin() + 8, canvas.end(), spec.mask_id);
  const OpenSequence sequence(*shifted, 16);
  PassPlan plan;
  plan.add_full(sequence.handle(), canvas);
  HeadRequest request;
  for (uint32_t row = 7; row < 15; ++row) {
    plan.head_rows.push_back(row);
    request.targets.push_back(pair.tokens[row + 1]);
  }
  PassResult result;
  shifted->forward(plan, request, result);
  double log_prob = 0;
  for (const RowStats& row : result.rows) log_prob += double{row.target_logit} - row.log_sum_exp;
  EXPECT_NEAR(found.precise_perplexity, std::exp(-log_prob / 8), 1e-4 * found.precise_perplexity);
}

TEST(Accuracy, RefusesWindowsThatDoNotFit) {
  Pair pair(false);
  EXPECT_ERROR(compare_with_precise(*pair.packed, *pair.precise, pair.tokens, 65, 1), kInvalidArgument, "65", "64");
  EXPECT_ERROR(compare_with_precise(*pair.packed, *pair.precise, pair.tokens, 3, 1), kInvalidArgument, "3");
  const std::span few(pair.tokens.data(), 10);
  EXPECT_ERROR(compare_with_precise(*pair.packed, *pair.precise, few, 16, 1), kInvalidArgument, "10 tokens");
}

}  // namespace
}  // namespace pent
