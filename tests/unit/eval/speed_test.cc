// What is timed is the right work, and as often as said; how long it takes is no test's business.
#include "eval/speed.h"

#include <gtest/gtest.h>

#include "model/synth.h"
#include "support/expect_error.h"

namespace pent {
namespace {

ModelSpec small_spec(bool diffusion) {
  ModelSpec spec{.family = diffusion ? "llada" : "llama",
                 .attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal,
                 .vocab_size = 96,
                 .d_model = 32,
                 .n_layers = 2,
                 .n_heads = 2,
                 .n_kv_heads = 2,
                 .head_dim = 16,
                 .ffn_dim = 48,
                 .max_positions = 128,
                 .mask_id = diffusion ? 95 : -1,
                 .eos_id = 0,
                 .stop_ids = {0}};
  return spec;
}

struct Bench {
  explicit Bench(bool diffusion) {
    const ModelFiles files = make_random_model(small_spec(diffusion), 3);
    model.denoiser = load_native(files, pool, {.times = &times});
  }
  ThreadPool pool{2};
  PassTimes times;
  Model model;
};

TEST(Speed, RunsTakeTurns) {
  std::string order;
  const std::vector<double> medians = time_alternately({[&] { order += 'a'; }, [&] { order += 'b'; }}, 3);
  EXPECT_EQ(order, "ababab");
  EXPECT_EQ(medians.size(), 2u);
}

TEST(Speed, LimitsAreMeasured) {
  ThreadPool pool(1);
  const MachineLimits limits = measure_limits(pool);
  EXPECT_GT(limits.int8_ops, 0);
  EXPECT_GT(limits.read_bytes, 0);
}

TEST(Speed, SharesOfAForwardAddUp) {
  for (const bool diffusion : {false, true}) {
    Bench bench(diffusion);
    const auto costs = time_rows(bench.model, bench.times, 20, {1, 4, 64}, 2);
    ASSERT_EQ(costs.size(), 3u);
    for (const RowCost& cost : costs) {
      EXPECT_GT(cost.seconds, 0);
      EXPECT_GT(cost.shares.matmul, 0);
      EXPECT_GT(cost.shares.attention, 0);
      EXPECT_GT(cost.shares.head, 0);
      EXPECT_LE(cost.shares.matmul + cost.shares.attention + cost.shares.head, 1.0 + 1e-9);
    }
    EXPECT_EQ(costs[2].rows, 64);
    EXPECT_ERROR(time_rows(bench.model, bench.times, 100, {1, 29}, 1), kInvalidArgument, "29 rows over 100", "128");
  }
}

TEST(Speed, PromptAndStreamsAreForwardsOfTheModel) {
  for (const bool diffusion : {false, true}) {
    Bench bench(diffusion);
    EXPECT_GT(time_prompt(bench.model, 128, 1), 0);
    EXPECT_GT(time_decode(bench.model, 3, 5, 1), 0);
    EXPECT_ERROR(time_prompt(bench.model, 129, 1), kInvalidArgument, "129");
    EXPECT_ERROR(time_decode(bench.model, 1, 97, 1), kInvalidArgument, "97");
  }
}

TEST(Speed, ACacheSavesTheRowsItShould) {
  for (const bool diffusion : {false, true}) {
    Bench bench(diffusion);
    const auto speeds = time_denoise(bench.model, /*canvas=*/64, /*steps=*/32, /*block_length=*/16, 1);
    ASSERT_EQ(speeds.size(), 4u);
    for (const DenoiseSpeed& speed : speeds) EXPECT_EQ(speed.nfe, 32);
    EXPECT_EQ(speeds[0].rows, 32 * 64);
    // Eight steps a block; the first of each computes the whole canvas.
    EXPECT_EQ(speeds[1].rows, 4 * 64 + 7 * (64 + 48 + 32 + 16));
    EXPECT_EQ(speeds[2].rows, 4 * (64 + 7 * 16));
    // The masks that are left and the two cells decided last, but for every eighth forward.
    EXPECT_EQ(speeds[3].rows, 4 * 64 + (1120 - 168));
    EXPECT_EQ(speeds[0].differing, 0);
    EXPECT_ERROR(time_denoise(bench.model, 129, 8, 8, 1), kInvalidArgument, "129");
  }
}

TEST(Speed, AProductKnowsItsRoof) {
  ThreadPool pool(2);
  const MachineLimits limits{.int8_ops = 1e15, .read_bytes = 1e6};  // reading is the roof
  using Format = kernels::PackedMatrix::Format;
  for (const auto& [format, bytes] :
       {std::pair{Format::kQ8, 1 + 2.0 / 32}, {Format::kQ4_0, 0.5 + 2.0 / 32}, {Format::kQ4_1, 0.5 + 4.0 / 32}}) {
    const MatmulSpeed speed = time_matmul(pool, limits, format, {"x", 64, 96}, 2, /*beyond_cache=*/false, 1);
    EXPECT_EQ(speed.rows, 2);
    EXPECT_NEAR(speed.roof_share * speed.seconds, 64 * 96 * bytes / 1e6, 1e-9);
    EXPECT_NEAR(speed.int8_share * speed.seconds, 2.0 * 2 * 64 * 96 / 1e15, 1e-15);
  }
}

}  // namespace
}  // namespace pent
