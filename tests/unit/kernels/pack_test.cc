#include "kernels/pack.h"

#include <gtest/gtest.h>

#include "base/float16.h"
#include "unit/kernels/every_set.h"

namespace pent::kernels {
namespace {

// w[row, column] as the packed matrix holds it.
float unpacked(const MatrixQ8& w, int64_t row, int64_t column) {
  const int64_t block = row / kPanel * w.groups + column / kGroup, i = column % kGroup;
  const uint8_t value = w.values[block * kGroup * kPanel + (i / 4 * kPanel + row % kPanel) * 4 + i % 4];
  return f16_to_f32(w.scales[block * kPanel + row % kPanel]) * static_cast<float>(value - 128);
}

TEST(PackedMatrix, Int8WeightsAreWithinHalfAStepOfTheirGroup) {
  const int64_t n = 37, k = 71;
  auto values = test::noise(n * k, 1);
  values[5] = 1e-43f;
  for (int64_t i = 32; i < 64; ++i) values[3 * k + i] = 0;
  for (int64_t i = 0; i < 32; ++i) values[4 * k + i] = 1e-42f;  // a group whose scale has no inverse
  PackedMatrix matrix(PackedMatrix::Format::kQ8, n, k);
  for (int64_t panel = 0; panel < matrix.panels(); ++panel) {
    matrix.pack_panel(panel, values.data() + panel * kPanel * k, std::min(kPanel, n - panel * kPanel));
  }
  const MatrixQ8 w = matrix.q8();
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column < k; ++column) {
      const int64_t block = row / kPanel * w.groups + column / kGroup;
      const float step = f16_to_f32(w.scales[block * kPanel + row % kPanel]);
      ASSERT_NEAR(unpacked(w, row, column), values[row * k + column], 0.5001f * step + 1e-40f) << row << ", " << column;
    }
  }
}

TEST(PackedMatrix, WholeNumbersTimesAFloat16ScaleComeBackExactly) {  // Q8_0 blocks of a GGUF file
  std::vector<float> values(2 * kGroup);
  for (const float scale : {0x1p-24f, 0x1.554p-9f, 0x1.8p+3f, 65504.0f}) {
    for (int64_t i = 0; i < 2 * kGroup; ++i) values[i] = scale * static_cast<float>(i * 61 % 255 - 127);
    values[7] = -127 * scale, values[40] = 127 * scale;
    PackedMatrix matrix(PackedMatrix::Format::kQ8, 1, 2 * kGroup);
    matrix.pack_panel(0, values.data(), 1);
    for (int64_t i = 0; i < 2 * kGroup; ++i) ASSERT_EQ(unpacked(matrix.q8(), 0, i), values[i]) << scale << ", " << i;
  }
}

TEST(PackedMatrix, PaddingIsZero) {
  PackedMatrix matrix(PackedMatrix::Format::kQ8, 5, 40);
  const auto values = test::noise(5 * 40, 2);
  matrix.pack_panel(0, values.data(), 5);
  for (int64_t row = 0; row < kPanel; ++row) {
    for (int64_t column = 0; column < 64; ++column) {
      if (row >= 5 || column >= 40) {
        ASSERT_EQ(unpacked(matrix.q8(), row, column), 0);
      }
    }
  }
}

TEST(PackedMatrix, BytesNeededCoverTheStorage) {
  EXPECT_EQ(PackedMatrix::bytes_needed(PackedMatrix::Format::kF32, 33, 10), 64 * 10 * 4);
  EXPECT_EQ(PackedMatrix::bytes_needed(PackedMatrix::Format::kQ8, 33, 33), 64 * 2 * 34);
  EXPECT_EQ(PackedMatrix::bytes_needed(PackedMatrix::Format::kQ4_0, 33, 64), 64 * 2 * 18);
  EXPECT_EQ(PackedMatrix::bytes_needed(PackedMatrix::Format::kQ4_1, 33, 64), 64 * 2 * 20);
}

TEST(KernelSets, ScalarComesFirstAndIsAlwaysSupported) {
  const KernelSetList list = all_kernel_sets();
  ASSERT_GE(list.count, 1);
  EXPECT_STREQ(list.sets[0]->name, "scalar");
  EXPECT_TRUE(list.sets[0]->supported());
  EXPECT_TRUE(active_kernel_set().supported());
}

}  // namespace
}  // namespace pent::kernels
