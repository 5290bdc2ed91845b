// RoPE rescaling on values worked out from the papers' formulas; tests/unit/parity compares whole models with transformers.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace pent {
namespace {

ModelSpec spec_with(RopeScaling scaling) {
  ModelSpec spec;
  spec.head_dim = 8;
  spec.rope_theta = 10000;
  spec.rope_scaling = std::move(scaling);
  return spec;
}

using Kind = RopeScaling::Kind;

TEST(Rope, PlainFrequenciesArePowersOfTheBase) {
  const RopeTable table = rope_table(spec_with({}));
  ASSERT_EQ(table.frequencies.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(table.frequencies[i], std::pow(10.0, -i));
  EXPECT_EQ(table.magnitude, 1);
}

TEST(Rope, OnlyTheTurningChannelsHaveFrequencies) {
  ModelSpec spec = spec_with({});
  spec.rope_dim = 4;
  const RopeTable table = rope_table(spec);
  ASSERT_EQ(table.frequencies.size(), 2u);
  EXPECT_FLOAT_EQ(table.frequencies[1], 0.01f);
}

TEST(Rope, LinearScalingDividesAll) {
  const RopeTable table = rope_table(spec_with({.kind = Kind::kLinear, .factor = 4}));
  EXPECT_FLOAT_EQ(table.frequencies[2], 0.0025f);
}

// Wavelengths are 6.28, 62.8, 628, 6283 positions; with 640 original positions, kept below 160 and divided above 640.
TEST(Rope, Llama3KeepsShortWavesAndStretchesLongOnes) {
  const RopeTable table = rope_table(spec_with({.kind = Kind::kLlama3, .factor = 8, .original_positions = 640}));
  EXPECT_FLOAT_EQ(table.frequencies[0], 1);
  EXPECT_FLOAT_EQ(table.frequencies[1], 0.1f);
  const double blend = (640 / (2 * std::numbers::pi * 100) - 1) / 3;
  EXPECT_NEAR(table.frequencies[2], (1 - blend) * 0.01 / 8 + blend * 0.01, 1e-8);
  EXPECT_FLOAT_EQ(table.frequencies[3], 0.001f / 8);
}

// Pair 4 ln(1024 / (2 pi t)) / ln(10000) turns t times: 0.71 for t = 32, so from 0; 2.21 for t = 1, so up to 3.
TEST(Rope, YarnBlendsBetweenItsBorders) {
  const RopeTable table =
      rope_table(spec_with({.kind = Kind::kYarn, .factor = 4, .original_positions = 1024, .magnitude = 1.25}));
  for (int i = 0; i < 4; ++i) {
    const double ramp = i / 3.0;
    EXPECT_NEAR(table.frequencies[i], std::pow(10.0, -i) * ((1 - ramp) + ramp / 4), 1e-7) << i;
  }
  EXPECT_EQ(table.magnitude, 1.25f);
}

TEST(Rope, DivisorsDivide) {
  const RopeTable table = rope_table(spec_with({.kind = Kind::kDivisors, .divisors = {1, 2, 4, 8}}));
  EXPECT_FLOAT_EQ(table.frequencies[3], 0.001f / 8);
}

TEST(Rope, YarnMagnitudeIsThePapers) {
  EXPECT_DOUBLE_EQ(yarn_magnitude(4, 0, 0), 0.1 * std::log(4.0) + 1);
  EXPECT_DOUBLE_EQ(yarn_magnitude(1, 0, 0), 1);
  EXPECT_DOUBLE_EQ(yarn_magnitude(40, 1, 1), 1);
}

// transformers' "proportional": 64 of 256 pairs turn, with the frequencies of a head of 512 channels.
TEST(Rope, GlobalLayersTurnTheirFirstPairsOnly) {
  const RopeTable table =
      global_rope_table({.layers = {5}, .n_kv_heads = 2, .head_dim = 512, .turning_pairs = 64, .rope_theta = 1e6});
  ASSERT_EQ(table.frequencies.size(), 256u);
  EXPECT_EQ(table.frequencies[0], 1);
  EXPECT_NEAR(table.frequencies[63], std::pow(1e6, -126.0 / 512), 1e-7);
  for (size_t i = 64; i < 256; ++i) EXPECT_EQ(table.frequencies[i], 0);
}

}  // namespace
}  // namespace pent
