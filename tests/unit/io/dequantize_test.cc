#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>

#include "io/weight_source.h"

namespace pent {
namespace {

// Bytes and values that the Python package gguf gives for them (tests/parity/make_gguf_goldens.py; $PENT_GGUF_BLOCKS names a
// larger file of them).
class DequantizeGolden : public testing::TestWithParam<DType> {};

TEST_P(DequantizeGolden, EqualsTheReferenceBitForBit) {
  const char* given = std::getenv("PENT_GGUF_BLOCKS");
  const auto golden = open_safetensors(given ? given : PENT_SOURCE_DIR "/tests/golden/gguf_blocks.safetensors");
  const std::string name = dtype_info(GetParam()).name;
  const TensorView* bytes = golden->find(name + ".bytes");
  const TensorView* values = golden->find(name + ".values");
  ASSERT_TRUE(bytes && values);
  std::vector<float> expected(static_cast<size_t>(values->elements()));
  dequantize_rows(*values, 0, 1, expected.data());

  // The same blocks as 3 rows, read in two pieces.
  const int64_t cols = values->elements() / 3;
  const TensorView tensor{.name = name, .dtype = GetParam(), .shape = {3, cols}, .bytes = bytes->bytes};
  std::vector<float> got(expected.size());
  dequantize_rows(tensor, 0, 1, got.data());
  dequantize_rows(tensor, 1, 3, got.data() + cols);
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << i;
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i])) << i << ": " << got[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, DequantizeGolden,
                         testing::Values(DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                                         DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ2_K, DType::kQ3_K,
                                         DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS),
                         [](const auto& type) { return std::string(dtype_info(type.param).name); });

TEST(Dequantize, LowNibblesComeFirst) {
  std::vector<uint8_t> block{0x00, 0x3C};  // d = 1
  for (int j = 0; j < 16; ++j) block.push_back(static_cast<uint8_t>(j | (15 - j) << 4));
  std::vector<float> values(32);
  dequantize_rows({.name = "q", .dtype = DType::kQ4_0, .shape = {32}, .bytes = std::as_bytes(std::span(block))}, 0, 1,
                  values.data());
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(values[j], static_cast<float>(j - 8));
    EXPECT_EQ(values[j + 16], static_cast<float>(7 - j));
  }
}

// Every float16 as the scale of a block, subnormal, negative and infinite ones too.
TEST(Dequantize, FourBitBlocksAreTheSameNumbers) {
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1}) {
    for (uint32_t scale = 0; scale < 0x10000; scale += 7) {
      std::vector<uint8_t> stored{static_cast<uint8_t>(scale), static_cast<uint8_t>(scale >> 8)};
      if (dtype == DType::kQ4_1) stored.insert(stored.end(), {0x12, static_cast<uint8_t>(0x80 | scale % 0x70)});
      for (uint32_t j = 0; j < 16; ++j) stored.push_back(static_cast<uint8_t>(scale * 31 + j * 17));
      const TensorView tensor{.name = "q", .dtype = dtype, .shape = {32}, .bytes = std::as_bytes(std::span(stored))};
      std::vector<float> values(32);
      dequantize_rows(tensor, 0, 1, values.data());
      const FourBitBlock block = read_four_bit_block(tensor, 0, 0);
      ASSERT_EQ(block.scale, scale);
      const float d = f16_to_f32(block.scale), m = f16_to_f32(block.minimum);
      if (dtype == DType::kQ4_0 && (!std::isfinite(d) || std::fabs(d) >= 8192)) {
        EXPECT_FALSE(std::isfinite(m)) << scale;
      } else if (std::isfinite(d)) {
        for (int i = 0; i < 32; ++i)
          ASSERT_EQ(static_cast<float>(block.values[i]) * d + m, values[i]) << scale << ", " << i;
      }
    }
  }
}

template <typename T>
std::vector<float> converted(DType dtype, const std::vector<T>& stored) {
  std::vector<float> values(stored.size());
  const int64_t count = static_cast<int64_t>(stored.size());
  dequantize_rows({.name = "t", .dtype = dtype, .shape = {count}, .bytes = std::as_bytes(std::span(stored))}, 0, 1,
                  values.data());
  return values;
}

TEST(Dequantize, IntegersBecomeTheNearestFloat) {
  EXPECT_EQ(converted<int8_t>(DType::kI8, {-128, 127}), (std::vector<float>{-128, 127}));
  EXPECT_EQ(converted<uint8_t>(DType::kU8, {0, 255}), (std::vector<float>{0, 255}));
  EXPECT_EQ(converted<uint8_t>(DType::kBool, {0, 1}), (std::vector<float>{0, 1}));
  EXPECT_EQ(converted<int16_t>(DType::kI16, {-32768}), (std::vector<float>{-32768}));
  EXPECT_EQ(converted<int32_t>(DType::kI32, {1 << 30, (1 << 24) + 1}), (std::vector<float>{1 << 30, 1 << 24}));
  EXPECT_EQ(converted<int64_t>(DType::kI64, {-(int64_t{1} << 62)}), (std::vector<float>{-0x1p62f}));
  EXPECT_EQ(converted<double>(DType::kF64, {0.5, 1e300}), (std::vector<float>{0.5f, INFINITY}));
}

TEST(Dequantize, NoRowsIsNoWork) {
  dequantize_rows({.name = "t", .dtype = DType::kF32, .shape = {0, 4}, .bytes = {}}, 0, 0, nullptr);
}

TEST(DequantizeDeathTest, RowsOutsideTheTensorAreOurBug) {
  const std::vector<float> stored(4);
  const TensorView tensor{
      .name = "t", .dtype = DType::kF32, .shape = {2, 2}, .bytes = std::as_bytes(std::span(stored))};
  float out[8];
  EXPECT_DEATH(dequantize_rows(tensor, 0, 3, out), "internal error");
}

}  // namespace
}  // namespace pent
