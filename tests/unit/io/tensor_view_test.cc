#include "io/tensor_view.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "io/tensor_table.h"

namespace pent {
namespace {

TEST(Float16, EveryPatternHasItsValue) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 0x3FF);
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      continue;
    }
    const double magnitude = exponent == 31  ? std::numeric_limits<double>::infinity()
                             : exponent == 0 ? std::ldexp(fraction, -24)
                                             : std::ldexp(1024 + fraction, exponent - 25);
    ASSERT_EQ(std::abs(value), magnitude) << bits;
  }
}

TEST(BFloat16, EveryPatternSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bf16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value)))) << bits;
    } else {
      ASSERT_EQ(f32_to_bf16(value), bits);
    }
  }
}

TEST(BFloat16, RoundsToTheNearestAndTiesToEven) {
  const auto rounded = [](uint32_t bits) { return f32_to_bf16(std::bit_cast<float>(bits)); };
  EXPECT_EQ(rounded(0x3F807FFF), 0x3F80);
  EXPECT_EQ(rounded(0x3F808000), 0x3F80);  // a tie, even below
  EXPECT_EQ(rounded(0x3F808001), 0x3F81);
  EXPECT_EQ(rounded(0x3F818000), 0x3F82);  // a tie, even above
  EXPECT_EQ(rounded(0xBF818000), 0xBF82);
  EXPECT_EQ(rounded(0x7F7FFFFF), 0x7F80);  // beyond the largest: infinite
  EXPECT_EQ(rounded(0x7F800001), 0x7FC0);  // NaN stays NaN, and quiet
  EXPECT_EQ(rounded(0xFFFFFFFF), 0xFFFF);
}

TEST(TensorView, RowsAreAllAxesButTheLast) {
  const auto shaped = [](std::vector<int64_t> shape) {
    return TensorView{.name = {}, .shape = std::move(shape), .bytes = {}};
  };
  EXPECT_EQ(shaped({}).elements(), 1);
  EXPECT_EQ(shaped({}).rows(), 1);
  EXPECT_EQ(shaped({}).cols(), 1);
  EXPECT_EQ(shaped({7}).rows(), 1);
  EXPECT_EQ(shaped({7}).cols(), 7);
  EXPECT_EQ(shaped({2, 3, 5}).rows(), 6);
  EXPECT_EQ(shaped({2, 3, 5}).cols(), 5);
  EXPECT_EQ(shaped({0, 5}).elements(), 0);
}

TEST(TensorBytes, OverflowAndPartialBlocksAreNoSize) {
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(checked_tensor_bytes(DType::kF32, {}), 4u);
  EXPECT_EQ(checked_tensor_bytes(DType::kF32, {0, 5}), 0u);
  EXPECT_EQ(checked_tensor_bytes(DType::kQ4_1, {3, 64}), 3u * 2 * 20);
  EXPECT_EQ(checked_tensor_bytes(DType::kF32, {huge, huge}), std::nullopt);
  EXPECT_EQ(checked_tensor_bytes(DType::kF64, {int64_t{1} << 60}), std::nullopt);
  EXPECT_EQ(checked_tensor_bytes(DType::kF32, {-1}), std::nullopt);
  EXPECT_EQ(checked_tensor_bytes(DType::kQ8_0, {4, 33}), std::nullopt);
  EXPECT_EQ(checked_tensor_bytes(DType::kQ8_0, {}), std::nullopt);
}

TEST(TensorTable, KeepsFileOrderAndRefusesASecondOfTheSameName) {
  TensorTable table;
  EXPECT_TRUE(table.add("z", {}));
  EXPECT_TRUE(table.add("a", {}));
  EXPECT_FALSE(table.add("z", {}));
  EXPECT_EQ(table.names(), (std::vector<std::string>{"z", "a"}));
  EXPECT_EQ(table.find("a")->name, "a");
  EXPECT_EQ(table.find("b"), nullptr);
}

}  // namespace
}  // namespace pent
