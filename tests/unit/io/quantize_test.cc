#include "io/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "io/weight_source.h"

namespace pent {
namespace {

constexpr DType kAll[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,
                          DType::kQ5_0, DType::kQ5_1, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

std::string type_name(const testing::TestParamInfo<DType>& type) { return dtype_info(type.param).name; }

std::vector<std::byte> quantized(DType type, const std::vector<float>& values) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<std::byte> bytes(values.size() / static_cast<size_t>(info.block_size) *
                               static_cast<size_t>(info.block_bytes));
  quantize(type, values.data(), static_cast<int64_t>(values.size()), bytes.data());
  return bytes;
}

std::vector<float> read_back(DType type, const std::vector<float>& values) {
  const std::vector<std::byte> bytes = quantized(type, values);
  std::vector<float> back(values.size());
  dequantize_rows(
      {.name = "q", .dtype = type, .shape = {static_cast<int64_t>(values.size())}, .bytes = std::span(bytes)}, 0, 1,
      back.data());
  return back;
}

std::vector<float> noise(size_t count, float deviation, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

double rms(const std::vector<float>& values, const std::vector<float>& others) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += std::pow(double{values[i]} - others[i], 2);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// Values and the bytes that the Python package gguf makes of them (tests/parity/make_quantize_goldens.py; $PENT_GGUF_QUANTIZED
// names a larger file of them).
class QuantizeGolden : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, QuantizeGolden,
                         testing::Values(DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,
                                         DType::kQ5_0, DType::kQ5_1),
                         type_name);

TEST_P(QuantizeGolden, EqualsTheReferenceBitForBit) {
  const char* given = std::getenv("PENT_GGUF_QUANTIZED");
  const auto golden = open_safetensors(given ? given : PENT_SOURCE_DIR "/tests/golden/gguf_quantized.safetensors");
  const TensorView* stored = golden->find("values");
  const TensorView* expected = golden->find(std::string(dtype_info(GetParam()).name) + ".bytes");
  ASSERT_TRUE(stored && expected);
  std::vector<float> values(static_cast<size_t>(stored->elements()));
  dequantize_rows(*stored, 0, 1, values.data());
  const std::vector<std::byte> got = quantized(GetParam(), values);
  ASSERT_EQ(got.size(), expected->bytes.size());
  const auto block_bytes = static_cast<size_t>(dtype_info(GetParam()).block_bytes);
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(static_cast<int>(got[i]), static_cast<int>(expected->bytes[i]))
        << "block " << i / block_bytes << ", byte " << i % block_bytes;
}

class Quantize : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, Quantize, testing::ValuesIn(kAll), type_name);

// Relative to the deviation of normally distributed values. A uniform grid of n levels over the range of a part of 32 such
// values (4.1 deviations on average) is off by 4.1 / (n - 1) / sqrt(12); searching for the range gains a little.
TEST_P(Quantize, NormallyDistributedValuesComeBackNearly) {
  const std::map<DType, double> most = {{DType::kF32, 0},      {DType::kF16, 3e-4},   {DType::kBF16, 2e-3},
                                        {DType::kQ8_0, 7e-3},  {DType::kQ6_K, 0.018}, {DType::kQ5_K, 0.038},
                                        {DType::kQ5_1, 0.041}, {DType::kQ5_0, 0.045}, {DType::kQ4_K, 0.076},
                                        {DType::kQ4_1, 0.084}, {DType::kQ4_0, 0.09}};
  for (const float deviation : {1.0f, 0.02f, 300.0f}) {
    const std::vector<float> values = noise(256 * 64, deviation, 5);
    const double error = rms(values, read_back(GetParam(), values)) / deviation;
    EXPECT_LE(error, most.at(GetParam())) << deviation;
    EXPECT_GE(error, most.at(GetParam()) / 2) << deviation << ": the bound says nothing";
  }
}

TEST_P(Quantize, ZeroesStayZeroes) {
  const std::vector<float> zeroes(512);
  EXPECT_EQ(read_back(GetParam(), zeroes), zeroes);
}

// Of one value, of one sign, of a single large value among small ones, of numbers near the smallest: nothing is further off than
// the range by the number of levels, and nothing is not a number.
TEST_P(Quantize, OddBlocksComeBackWithinAStep) {
  std::vector<std::vector<float>> blocks;
  blocks.emplace_back(256, 0.7f);
  blocks.emplace_back(256, -0.7f);
  blocks.push_back(noise(256, 1, 9));
  for (float& value : blocks.back()) value = std::fabs(value) + 2;
  blocks.push_back(blocks.back());
  for (float& value : blocks.back()) value = -value;
  blocks.push_back(noise(256, 1e-3f, 10));
  blocks.back()[77] = -40;
  blocks.emplace_back(256, 0.0f);
  blocks.back()[255] = 65504;
  for (const auto& values : blocks) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const float range = std::max(*high, 0.0f) - std::min(*low, 0.0f);
    const std::vector<float> back = read_back(GetParam(), values);
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(std::isfinite(back[i])) << i;
      ASSERT_LE(std::fabs(back[i] - values[i]), range / 13) << values[0] << ", " << i;
    }
  }
  for (const float tiny : {1e-20f, 1e-38f, 1e-44f}) {
    for (const float value : read_back(GetParam(), std::vector<float>(256, tiny)))
      ASSERT_LE(std::fabs(value), 2 * tiny);
  }
}

// What came out of blocks goes into them again.
TEST_P(Quantize, GridValuesAreNearlyKept) {
  const std::vector<float> once = read_back(GetParam(), noise(256 * 16, 1, 11));
  EXPECT_LE(rms(once, read_back(GetParam(), once)), rms(once, noise(256 * 16, 1, 11)) / 2 + 1e-9);
}

TEST(QuantizeK, IsAsNearAsBlocksOf32ThatTakeHalfABitMore) {
  const std::vector<float> values = noise(256 * 256, 1, 12);
  const auto error = [&](DType type) { return rms(values, read_back(type, values)); };
  EXPECT_LT(error(DType::kQ4_K), error(DType::kQ4_1));
  EXPECT_LT(error(DType::kQ5_K), 1.01 * error(DType::kQ5_1));
}

}  // namespace
}  // namespace pent
