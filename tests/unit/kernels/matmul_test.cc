#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/pack.h"
#include "unit/kernels/every_set.h"

namespace pent::kernels::test {
namespace {

class MatmulKernels : public EverySet {};
INSTANTIATE_TEST_SUITE_P(Sets, MatmulKernels, testing::ValuesIn(all_sets()), set_name);

constexpr float kUntouched = 12345.0f;

PackedMatrix packed(PackedMatrix::Format format, int64_t n, int64_t k, const std::vector<float>& values) {
  PackedMatrix matrix(format, n, k);
  for (int64_t panel = 0; panel < matrix.panels(); ++panel) {
    const int64_t first = panel * kPanel;
    matrix.pack_panel(panel, values.data() + first * k, std::min(kPanel, n - first));
  }
  return matrix;
}

// Halves, quarters and small whole numbers as float16.
uint16_t half_bits(int eighths) {
  if (eighths == 0) return 0;
  uint32_t bits;
  const float value = static_cast<float>(eighths) / 8;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 | (bits >> 13 & 0x3FF));
}

// Random 4-bit weights, and what they stand for.
struct FourBit {
  PackedMatrix matrix;
  std::vector<float> values;
};
FourBit four_bit(PackedMatrix::Format format, int64_t n, int64_t k, uint32_t seed) {
  FourBit out = {PackedMatrix(format, n, k), std::vector<float>(n * k)};
  const auto draws = noise(n * k, seed), scales = noise(2 * n * k / kGroup, seed + 1);
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t group = 0; group < k / kGroup; ++group) {
      const int64_t at = row * (k / kGroup) + group;
      const int scale = static_cast<int>(scales[2 * at] * 20),
                minimum =
                    format == PackedMatrix::Format::kQ4_0 ? -8 * scale : static_cast<int>(scales[2 * at + 1] * 40);
      uint8_t values[kGroup];
      for (int64_t i = 0; i < kGroup; ++i) {
        values[i] = static_cast<uint8_t>((draws[row * k + group * kGroup + i] + 1) * 7.99f);
        out.values[row * k + group * kGroup + i] =
            (static_cast<float>(scale) * values[i] + static_cast<float>(minimum)) / 8;
      }
      out.matrix.pack_group(row, group, half_bits(scale), half_bits(minimum), values);
    }
  }
  return out;
}

// out [rows, n + 1]: the last column must stay untouched.
std::vector<float> multiply(const KernelSet& set, const PackedMatrix& w, const std::vector<float>& x, int64_t rows,
                            bool add = false) {
  const int64_t stride = w.n() + 1;
  std::vector<float> out(rows * stride, kUntouched);
  const MatmulRange range = {0, rows, 0, w.panels(), add};
  if (w.format() == PackedMatrix::Format::kF32) {
    set.matmul_f32(w.f32(), x.data(), w.k(), out.data(), stride, range);
  } else {
    QuantizedRows quantized;
    quantized.resize(rows, w.k());
    for (int64_t row = 0; row < rows; ++row) set.quantize_row(x.data() + row * w.k(), w.k(), quantized.view(), row);
    if (w.format() == PackedMatrix::Format::kQ8) {
      set.matmul_q8(w.q8(), quantized.view(), out.data(), stride, range);
    } else {
      set.matmul_q4(w.q4(), quantized.view(), out.data(), stride, range);
    }
  }
  return out;
}

constexpr PackedMatrix::Format kFormats[] = {PackedMatrix::Format::kF32, PackedMatrix::Format::kQ8,
                                             PackedMatrix::Format::kQ4_0, PackedMatrix::Format::kQ4_1};
constexpr PackedMatrix::Format kFourBit[] = {PackedMatrix::Format::kQ4_0, PackedMatrix::Format::kQ4_1};
const int64_t kRows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13};
const int64_t kColumns[] = {1, 15, 16, 17, 32, 33, 70};
const int64_t kDepths[] = {1, 3, 31, 32, 33, 64, 100};

TEST_P(MatmulKernels, FloatProductAgreesWithScalarOverOddShapes) {
  for (const int64_t k : kDepths) {
    for (const int64_t n : kColumns) {
      const PackedMatrix w = packed(PackedMatrix::Format::kF32, n, k, noise(n * k, 1));
      for (const int64_t rows : kRows) {
        const auto x = noise(rows * k, 2);
        expect_near(multiply(set(), w, x, rows), multiply(scalar::kKernels, w, x, rows), 1e-5,
                    fmt::format("{} x {} x {}", rows, n, k));
      }
    }
  }
}

TEST_P(MatmulKernels, Int8ProductAgreesWithScalarOverOddShapes) {
  for (const int64_t k : kDepths) {
    for (const int64_t n : kColumns) {
      const PackedMatrix w = packed(PackedMatrix::Format::kQ8, n, k, noise(n * k, 3));
      for (const int64_t rows : kRows) {
        const auto x = noise(rows * k, 4);
        expect_near(multiply(set(), w, x, rows), multiply(scalar::kKernels, w, x, rows), 1e-5,
                    fmt::format("{} x {} x {}", rows, n, k));
      }
    }
  }
}

TEST_P(MatmulKernels, FourBitProductAgreesWithScalarOverOddShapes) {
  for (const auto format : kFourBit) {
    for (const int64_t k : {32, 64, 160}) {
      for (const int64_t n : kColumns) {
        const FourBit w = four_bit(format, n, k, 3);
        for (const int64_t rows : kRows) {
          const auto x = noise(rows * k, 4);
          expect_near(multiply(set(), w.matrix, x, rows), multiply(scalar::kKernels, w.matrix, x, rows), 1e-5,
                      fmt::format("{} x {} x {}", rows, n, k));
        }
      }
    }
  }
}

TEST_P(MatmulKernels, FourBitWeightsAreNotRounded) {
  // Rows of whole numbers up to 127, the largest in every group, lose nothing either: the product is exact.
  const int64_t n = 37, k = 96, rows = 3;
  std::vector<float> x(rows * k);
  for (int64_t i = 0; i < rows * k; ++i) x[i] = static_cast<float>(i * 37 % 255) - 127;
  for (int64_t i = 0; i < rows * k; i += kGroup) x[i] = 127;
  for (const auto format : kFourBit) {
    const FourBit w = four_bit(format, n, k, 9);
    const auto out = multiply(set(), w.matrix, x, rows);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i) sum += double{x[row * k + i]} * w.values[column * k + i];
        ASSERT_NEAR(out[row * (n + 1) + column], sum, 1e-6 * std::fabs(sum) + 1e-2) << row << ", " << column;
      }
    }
  }
}

TEST_P(MatmulKernels, ExtremeFourBitValuesDoNotSaturate) {
  PackedMatrix w(PackedMatrix::Format::kQ4_1, 40, 256);
  uint8_t most[kGroup];
  std::fill(most, most + kGroup, 15);
  for (int64_t row = 0; row < 40; ++row)
    for (int64_t group = 0; group < 8; ++group) w.pack_group(row, group, half_bits(8), half_bits(-8), most);
  for (const float sign : {-1.0f, 1.0f}) {
    const auto out = multiply(set(), w, std::vector<float>(256, sign * 127), 1);
    for (int column = 0; column < 40; ++column) EXPECT_EQ(out[column], sign * 127 * 14 * 256);
  }
}

TEST_P(MatmulKernels, ExtremeInt8ValuesDoNotSaturate) {
  for (const float sign_w : {-1.0f, 1.0f}) {
    for (const float sign_x : {-1.0f, 1.0f}) {
      const PackedMatrix w = packed(PackedMatrix::Format::kQ8, 40, 256, std::vector<float>(40 * 256, sign_w * 127));
      const auto out = multiply(set(), w, std::vector<float>(256, sign_x * 127), 1);
      for (int column = 0; column < 40; ++column) EXPECT_EQ(out[column], sign_w * sign_x * 127 * 127 * 256);
    }
  }
}

TEST_P(MatmulKernels, ARowsProductIsTheSameBitsInAnyTile) {
  for (const auto format : kFormats) {
    const bool narrow = format == PackedMatrix::Format::kQ4_0 || format == PackedMatrix::Format::kQ4_1;
    const int64_t n = 75, k = narrow ? 96 : 97, rows = 29;
    const PackedMatrix w = narrow ? four_bit(format, n, k, 5).matrix : packed(format, n, k, noise(n * k, 5));
    const auto x = noise(rows * k, 6);
    const auto together = multiply(set(), w, x, rows);
    for (int64_t row = 0; row < rows; ++row) {
      const auto alone = multiply(set(), w, {x.begin() + row * k, x.begin() + (row + 1) * k}, 1);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + row * (n + 1), (n + 1) * sizeof(float)), 0)
          << "row " << row;
    }
  }
}

TEST_P(MatmulKernels, ARangeWritesItsRowsAndPanelsOnly) {
  const int64_t n = 100, k = 40, rows = 12;
  const PackedMatrix w = packed(PackedMatrix::Format::kF32, n, k, noise(n * k, 7));
  const auto x = noise(rows * k, 8);
  const auto whole = multiply(set(), w, x, rows);
  std::vector<float> out(rows * (n + 1), kUntouched);
  set().matmul_f32(w.f32(), x.data(), k, out.data(), n + 1, {3, 8, 1, 3, false});
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column <= n; ++column) {
      const bool inside = row >= 3 && row < 8 && column >= 32 && column < 96;
      ASSERT_EQ(out[row * (n + 1) + column], inside ? whole[row * (n + 1) + column] : kUntouched)
          << row << ", " << column;
    }
  }
}

TEST_P(MatmulKernels, AddingAddsTheCompleteSum) {
  for (const auto format : kFormats) {
    const bool narrow = format == PackedMatrix::Format::kQ4_0 || format == PackedMatrix::Format::kQ4_1;
    const int64_t k = narrow ? 64 : 50;
    const PackedMatrix w = narrow ? four_bit(format, 45, k, 9).matrix : packed(format, 45, k, noise(45 * k, 9));
    const auto x = noise(7 * k, 10);
    const auto product = multiply(set(), w, x, 7), sum = multiply(set(), w, x, 7, /*add=*/true);
    for (size_t i = 0; i < product.size(); ++i) {
      if (product[i] != kUntouched) {
        ASSERT_EQ(sum[i], kUntouched + product[i]);
      }
    }
  }
}

}  // namespace
}  // namespace pent::kernels::test
